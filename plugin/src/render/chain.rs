//! An explanation as text and as Markdown.

use std::io::{self, Write};

use netintent::explain::{Explanation, Fix, PodState, Step};
use netintent::names::printable;

use crate::printer::{BAD, BOLD, FAINT, GOOD, NOTE, styled};
use crate::render::markdown;
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

/// Prints the pods that run, of many the first ones unless `wide`.
pub(crate) fn running(out: &mut dyn Write, pods: &[PodState<'_>], wide: bool) -> io::Result<()> {
    const MOST: usize = 10;
    if pods.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", styled(BOLD, "pods:"))?;
    let most = if wide { pods.len() } else { MOST };
    for pod in pods.iter().take(most) {
        let phase = pod.phase.unwrap_or("of unknown phase");
        let node = pod.node.map_or_else(|| "on no node".to_owned(), |node| format!("on {node}"));
        let labels: Vec<String> = pod.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let text = format!("{}/{}  {phase} {node}  {}", pod.namespace, pod.name, labels.join(","));
        writeln!(out, "  {}", printable(&text))?;
    }
    if pods.len() > most {
        writeln!(out, "  {}", styled(FAINT, &format!("and {} more (-o wide shows each)", pods.len() - most)))?;
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
    let (shown, left_out) = within(step, depth, wide);
    for inner in shown {
        write_step(out, inner, sources, depth + 1, wide)?;
    }
    match left_out {
        Some(line) => writeln!(out, "{}{mark} {}", "  ".repeat(depth + 1), styled(FAINT, &line)),
        None => Ok(()),
    }
}

/// What a step is made of as far as it is shown, and a line in place of the rest. `depth` is 1 for the chain's own steps.
fn within(step: &Step, depth: usize, wide: bool) -> (Vec<&Step>, Option<String>) {
    let peers = step.steps.iter().all(|s| s.steps.is_empty()) && depth > 2;
    let matched = step.steps.iter().any(|s| s.holds == Some(true));
    // Peers that are somebody else are of interest only where none is the other end, and they are few.
    let idle = |inner: &&Step| peers && inner.holds != Some(true) && (matched || step.steps.len() > FEW);
    let shown = step.steps.iter().filter(|inner| wide || !idle(inner)).collect();
    let count = step.steps.len();
    let left_out = (peers && !matched && count > FEW && !wide)
        .then(|| format!("none of its {count} peers is the other end (-o wide shows each)"));
    (shown, left_out)
}

/// So many peers that do not match are shown each.
const FEW: usize = 4;

/// Prints one of several things to do.
pub(crate) fn write_fix(out: &mut dyn Write, index: usize, fix: &Fix) -> io::Result<()> {
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
    writeln!(out, "**{question}: {}**: {}\n", verdict(explanation), markdown::text(&explanation.summary))?;
    for step in &explanation.chain {
        markdown_step(out, step, sources, 1)?;
    }
    for (_, sentence) in &explanation.caveats {
        writeln!(out, "\n> Caveat: {}", markdown::text(sentence))?;
    }
    for (index, fix) in explanation.fixes.iter().enumerate() {
        writeln!(out, "\n**{}** {}", if index == 0 { "Fix:" } else { "Then:" }, markdown::text(&fix.what))?;
        if let Some(paste) = &fix.paste {
            write!(out, "\n{}", markdown::block(paste))?;
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
    let indent = "  ".repeat(depth - 1);
    writeln!(out, "{indent}- {mark}{}{place}", markdown::text(&step.text))?;
    let (shown, left_out) = within(step, depth, false);
    shown.into_iter().try_for_each(|inner| markdown_step(out, inner, sources, depth + 1))?;
    left_out.map_or(Ok(()), |line| writeln!(out, "{indent}  - {mark}{line}"))
}
