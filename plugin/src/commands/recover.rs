//! `recover`: what an administrator opens while the webhook is gone, each step shown first.

mod admit;
mod label;
mod open;
mod status;
mod stop;
mod undo;

use super::confirm::confirmed;
use crate::cli::{DryRun, Recover, RecoverChange, RecoverStep};
use crate::cluster::{Leader, Leads};
use crate::error::{Result, Status};
use crate::printer;

pub(super) fn run(args: &Recover) -> Result<Status> {
    match &args.step {
        None => status::run(&args.status),
        Some(RecoverStep::Status(args)) => status::run(args),
        Some(RecoverStep::Admit(args)) => admit::run(args),
        Some(RecoverStep::Label(args)) => label::run(args),
        Some(RecoverStep::Open(args)) => open::run(args),
        Some(RecoverStep::Undo(args)) => undo::run(args),
    }
}

/// How what was shown is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// It is.
    Really,
    /// The API server is asked what it would say.
    Asking,
}

impl Doing {
    fn is_dry(self) -> bool {
        self == Self::Asking
    }

    /// Begins a line about what was done.
    fn word(self) -> &'static str {
        if self.is_dry() { "dry run: the API server would take it: " } else { "done: " }
    }
}

/// Whether to go on after all was shown, and how; otherwise with which status to end.
fn agreed(change: &RecoverChange, question: &str) -> Result<std::result::Result<Doing, Status>> {
    match change.asked.trial.dry_run {
        Some(DryRun::Client) => Ok(Err(Status::Yes)),
        Some(DryRun::Server) => Ok(Ok(Doing::Asking)),
        None if change.asked.yes || confirmed(question)? => Ok(Ok(Doing::Really)),
        None => {
            printer::note("nothing was changed");
            Ok(Err(Status::Trouble))
        }
    }
}

/// Says that somebody is there who undoes it, or may be.
fn warn_of(leads: &Leads) {
    const UNDOES: &str = "undoes this as soon as the API server gets answers from the webhook";
    match leads {
        Leads::Replica(Leader { name, seconds }) => {
            printer::warning(&format!("the controller runs (replica {name}, {seconds} s ago): it {UNDOES}"));
        }
        Leads::Unread(why) => {
            printer::warning(&format!("whether the controller runs can't be known ({why}): if it does, it {UNDOES}"));
        }
        Leads::Nobody => {}
    }
}
