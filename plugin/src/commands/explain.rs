//! `explain`: may this caller call that callee, and why?

use std::io::Write as _;
use std::mem::ManuallyDrop;

use netintent::explain::{Explanation, Question, explain, pods};
use netintent::names::printable;
use netintent::resolve::{Role, Subject, asked_port, split_port};
use netintent::unread::Unread;

use crate::cli::{Explain, Format};
use crate::error::{Error, Result, Status};
use crate::printer;
use crate::render::chain;
use crate::render::items::yaml_object;
use crate::render::views::ExplanationView;
use crate::source::{self, Loaded};

pub(super) fn run(args: &Explain) -> Result<Status> {
    // The process ends with the answer: there is no use in tidying up before.
    let loaded = ManuallyDrop::new(source::load(&args.input, &[&args.caller, &args.callee])?);
    let Loaded { snapshot, sources, .. } = &*loaded;
    let home = source::home(&args.input, &loaded);
    let (callee, port) = split_port(&args.callee);
    let source = loaded.resolve(&args.caller, Role::Caller, home)?;
    let destination = loaded.resolve(callee, Role::Callee, home)?;
    if matches!((&source, &destination), (Subject::Addresses(..), Subject::Addresses(..))) {
        return Err(Error::new("both ends are addresses outside the cluster, where no NetworkPolicy stands"));
    }
    let port = port.map(|port| asked_port(snapshot, &destination, port)).transpose()?;
    let question = Question { source, destination, port };
    let explanation = explain(snapshot, &question);
    if !args.quiet {
        let asked = format!("{} → {}", printable(&args.caller), printable(&args.callee));
        let mut out = printer::stdout_for(args.output.format);
        match args.output.format {
            Format::Table | Format::Wide => {
                let wide = args.output.format == Format::Wide;
                chain::text(&mut out, &asked, &explanation, sources, wide)?;
                chain::running(&mut out, &pods(snapshot, &question), wide)?;
            }
            Format::Markdown => chain::markdown(&mut out, &asked, &explanation, sources)?,
            Format::Name => writeln!(out, "{}", chain::verdict(&explanation))?,
            Format::Json | Format::Yaml => {
                let view = ExplanationView::new(snapshot, sources, &question, &explanation);
                if args.output.format == Format::Json {
                    serde_json::to_writer_pretty(&mut out, &view).map_err(std::io::Error::from)?;
                    writeln!(out)?;
                } else {
                    yaml_object(&mut out, &view)?;
                }
            }
        }
        out.flush()?;
    }
    // What it would be with labels and approvals nobody knows.
    if snapshot.objects.unread.iter().any(Unread::is_not_installed) {
        return Ok(Status::Trouble);
    }
    Ok(status(&explanation))
}

fn status(explanation: &Explanation) -> Status {
    match explanation.allowed {
        Some(true) => Status::Yes,
        Some(false) => Status::No,
        None => Status::Trouble,
    }
}
