//! `explain`: may this caller call that callee, and why?

mod asked;

use std::io::Write as _;
use std::mem::ManuallyDrop;

use netintent::callee::{CalleePattern, Port, Scope};
use netintent::compile::scope_of;
use netintent::explain::{AskedPort, Explanation, Question, explain, pods};
use netintent::names::printable;
use netintent::resolve::{Role, Subject, asked_port, split_port};
use netintent::unread::Unread;

use crate::cli::{Explain, Format};
use crate::error::{Error, Result, Status};
use crate::printer;
use crate::render::chain;
use crate::render::items::yaml_object;
use crate::render::views::{EndView, ExplanationView, subject};
use crate::source::{self, Loaded};
use asked::Said;

pub(super) fn run(args: &Explain) -> Result<Status> {
    // The process ends with the answer: there is no use in tidying up before.
    let loaded = ManuallyDrop::new(source::load(&args.input, &[&args.caller, &args.callee])?);
    let snapshot = &loaded.snapshot;
    let home = source::home(&args.input, &loaded);
    let (callee, port) = split_port(&args.callee);
    let source = loaded.resolve(&args.caller, Role::Caller, home)?;
    let destination = match loaded.resolve(callee, Role::Callee, home) {
        Ok(destination) => destination,
        Err(error) => {
            let Some((pattern, said)) = asked(args, &loaded, &source, None) else { return Err(error) };
            let explanation = asked::unknown(&pattern, said);
            print(args, &loaded, &explanation, [subject(snapshot, &source, true), unread(&pattern)], None)?;
            return Ok(Status::Trouble);
        }
    };
    if matches!((&source, &destination), (Subject::Addresses(..), Subject::Addresses(..))) {
        return Err(Error::new("both ends are addresses outside the cluster, where no NetworkPolicy stands"));
    }
    let port = port.map(|port| asked_port(snapshot, &destination, port)).transpose()?;
    let question = Question { source, destination, port };
    let mut explanation = explain(snapshot, &question);
    if explanation.allowed.is_none()
        && let Some((_, Said { steps, fixes })) = asked(args, &loaded, &question.source, Some(&question))
    {
        explanation.chain.extend(steps);
        explanation.fixes.extend(fixes);
    }
    let ends = [subject(snapshot, &question.source, true), subject(snapshot, &question.destination, false)];
    print(args, &loaded, &explanation, ends, Some(&question))?;
    // What it would be with labels and approvals nobody knows; what policies deny, they deny.
    if explanation.allowed == Some(true) && snapshot.objects.unread.iter().any(Unread::is_not_installed) {
        return Ok(Status::Trouble);
    }
    Ok(status(&explanation))
}

fn print(
    args: &Explain,
    loaded: &Loaded,
    explanation: &Explanation,
    ends: [EndView<'_>; 2],
    question: Option<&Question>,
) -> Result<()> {
    if args.quiet {
        return Ok(());
    }
    let Loaded { snapshot, sources, .. } = loaded;
    let pods = question.map(|question| pods(snapshot, question)).unwrap_or_default();
    let asked = format!("{} → {}", printable(&args.caller), printable(&args.callee));
    let mut out = printer::stdout_for(args.output.format);
    match args.output.format {
        Format::Table | Format::Wide => {
            let wide = args.output.format == Format::Wide;
            chain::text(&mut out, &asked, explanation, sources, wide)?;
            chain::running(&mut out, &pods, wide)?;
        }
        Format::Markdown => chain::markdown(&mut out, &asked, explanation, sources)?,
        Format::Name => writeln!(out, "{}", chain::verdict(explanation))?,
        Format::Json | Format::Yaml => {
            let view = ExplanationView::new(snapshot, sources, ends, explanation, &pods);
            if args.output.format == Format::Json {
                serde_json::to_writer_pretty(&mut out, &view).map_err(std::io::Error::from)?;
                writeln!(out)?;
            } else {
                yaml_object(&mut out, &view)?;
            }
        }
    }
    out.flush()?;
    Ok(())
}

/// A Service that may not be read.
fn unread(callee: &CalleePattern) -> EndView<'_> {
    match &callee.scope {
        Scope::Service { namespace, name } => EndView::Service { kind: "Service", namespace, name },
        _ => EndView::Outside { cidrs: Vec::new() },
    }
}

/// What the webhook says of a callee that may not be read; where it is known what was asked, of that, and not of how it was
/// typed.
fn asked(
    args: &Explain,
    loaded: &Loaded,
    source: &Subject,
    question: Option<&Question>,
) -> Option<(CalleePattern, Said)> {
    if !args.input.is_live() || loaded.snapshot.objects.unread.is_empty() {
        return None;
    }
    let callee = match question {
        None => CalleePattern::parse(&args.callee, Some(&loaded.namespace)).ok()?,
        Some(Question { destination: Subject::Service(at), port, .. }) => {
            let scope = scope_of(&loaded.snapshot.objects.services[*at]);
            let port = if let Some(AskedPort::Service(port)) = port { port.clone() } else { Port::All };
            CalleePattern { scope, port }
        }
        // Nobody is approved for pods or addresses.
        Some(_) => return None,
    };
    let is_one = matches!(callee.scope, Scope::Service { .. });
    let said = is_one.then(|| asked::ask(&args.input.connection, &loaded.snapshot, source, &callee))??;
    Some((callee, said))
}

fn status(explanation: &Explanation) -> Status {
    match explanation.allowed {
        Some(true) => Status::Yes,
        Some(false) => Status::No,
        None => Status::Trouble,
    }
}
