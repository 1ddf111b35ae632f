//! An explanation as text and as Markdown.

use std::io::{self, Write};

use netintent::explain::{Explanation, Fix, Step};
use netintent::names::printable;

use crate::printer::{BAD, BOLD, FAINT, GOOD, NOTE, styled};
use crate::source::Sources;

/// The verdict in one or two words.
pub(crate) fn verdict(explanation: &Explanation) -> &'static str {
    match (explanation.allowed, explanation.in_part) {
        (None, _) => "cannot tell",
        (Some(true), _) => "allowed",
        (Some(false), true) => "allowed in part",
        (Some(false), false) => "denied",
    }
}

/// Prints the verdict, the chain, the caveats and what to do. Peers that do not matter are left out unless `wide`.
pub(crate) fn text(
    out: &mut dyn Write,
    question: &str,
    explanation: &Explanation,
    sources: &Sources,
    wide: bool,
) -> io::Result<()> {
    let style = match (explanation.allowed, explanation.in_part) {
        (Some(true), _) => GOOD,
        (Some(false), false) => BAD,
        _ => NOTE,
    };
    let verdict = styled(style.bold(), verdict(explanation));
    writeln!(out, "{}: {verdict}: {}", styled(BOLD, question), printable(&explanation.summary))?;
    writeln!(out)?;
    for step in &explanation.chain {
        write_step(out, step, sources, 1, wide)?;
    }
    if !explanation.caveats.is_empty() {
        writeln!(out)?;
    }
    for (_, sentence) in &explanation.caveats {
        writeln!(out, "{} {}", styled(NOTE.bold(), "caveat:"), printable(sentence))?;
    }
    for (index, fix) in explanation.fixes.iter().enumerate() {
        writeln!(out)?;
        write_fix(out, index, fix)?;
    }
    Ok(())
}

fn write_step(out: &mut dyn Write, step: &Step, sources: &Sources, depth: usize, wide: bool) -> io::Result<()> {
    let mark = match step.holds {
        Some(true) => styled(GOOD, "✓"),
        Some(false) => styled(BAD, "✗"),
        None => styled(FAINT, "·"),
    };
    let place = step.place.as_ref().and_then(|place| sources.position(place));
    let place =
        place.map_or_else(String::new, |(file, at)| styled(FAINT, &format!("  {}:{}", printable(file), at.line)));
    writeln!(out, "{}{mark} {}{place}", "  ".repeat(depth), printable(&step.text))?;
    let shown = Shown::of(step, depth, wide);
    for inner in shown.steps {
        write_step(out, inner, sources, depth + 1, wide)?;
    }
    match shown.left_out {
        Some(line) => writeln!(out, "{}{mark} {}", "  ".repeat(depth + 1), styled(FAINT, &line)),
        None => Ok(()),
    }
}

/// The parts of a step that are shown.
struct Shown<'a> {
    steps: Vec<&'a Step>,
    left_out: Option<String>,
}

impl<'a> Shown<'a> {
    /// Peers that are somebody else are of interest only where none is the other end, and they are few.
    fn of(step: &'a Step, depth: usize, wide: bool) -> Self {
        let peers = depth > 2 && step.steps.iter().all(|s| s.steps.is_empty());
        let matched = step.steps.iter().any(|s| s.holds == Some(true));
        let idle = |inner: &Step| peers && inner.holds != Some(true) && (matched || step.steps.len() > FEW);
        let steps: Vec<&Step> = step.steps.iter().filter(|inner| wide || !idle(inner)).collect();
        let none = steps.is_empty() && !step.steps.is_empty();
        let left_out =
            none.then(|| format!("none of its {} peers is the other end (-o wide shows each)", step.steps.len()));
        Self { steps, left_out }
    }
}

/// So many peers that do not match are shown each.
const FEW: usize = 4;

fn write_fix(out: &mut dyn Write, index: usize, fix: &Fix) -> io::Result<()> {
    let lead = if index == 0 { "fix:" } else { "then:" };
    writeln!(out, "{} {}", styled(BOLD, lead), printable(&fix.what))?;
    if let Some(paste) = &fix.paste {
        writeln!(out)?;
        for line in paste.lines() {
            writeln!(out, "    {}", printable(line))?;
        }
    }
    Ok(())
}

/// The same as Markdown, for a comment on a change.
pub(crate) fn markdown(
    out: &mut dyn Write,
    question: &str,
    explanation: &Explanation,
    sources: &Sources,
) -> io::Result<()> {
    writeln!(out, "**{question}: {}**: {}\n", verdict(explanation), printable(&explanation.summary))?;
    for step in &explanation.chain {
        markdown_step(out, step, sources, 1)?;
    }
    for (_, sentence) in &explanation.caveats {
        writeln!(out, "\n> Caveat: {}", printable(sentence))?;
    }
    for (index, fix) in explanation.fixes.iter().enumerate() {
        writeln!(out, "\n**{}** {}", if index == 0 { "Fix:" } else { "Then:" }, printable(&fix.what))?;
        if let Some(paste) = &fix.paste {
            writeln!(out, "\n```\n{}\n```", paste.trim_end())?;
        }
    }
    Ok(())
}

fn markdown_step(out: &mut dyn Write, step: &Step, sources: &Sources, depth: usize) -> io::Result<()> {
    let mark = match step.holds {
        Some(true) => "✓ ",
        Some(false) => "✗ ",
        None => "",
    };
    let place = step.place.as_ref().and_then(|place| sources.position(place));
    let place = place.map_or_else(String::new, |(file, at)| format!(" (`{}:{}`)", printable(file), at.line));
    writeln!(out, "{}- {mark}{}{place}", "  ".repeat(depth - 1), printable(&step.text))?;
    let shown = Shown::of(step, depth, false);
    shown.steps.iter().try_for_each(|inner| markdown_step(out, inner, sources, depth + 1))?;
    match shown.left_out {
        Some(line) => writeln!(out, "{}- {mark}{line}", "  ".repeat(depth)),
        None => Ok(()),
    }
}
