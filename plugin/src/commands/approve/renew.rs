//! An approval that is there already, and is to end at another time.

use jiff::Timestamp;
use netintent::approval::{Approval, Draft};
use netintent::manifest::edit;
use netintent::names::printable;
use netintent::objects::Origin;

use super::super::effect::{self, Pair};
use super::super::revoke::cannot_edit;
use super::{described, print};
use crate::cli::{Approve, DryRun};
use crate::cluster::Cluster;
use crate::error::{Error, Result, Status};
use crate::printer;
use crate::source::{self, Loaded};
use crate::writer::Target;

/// What changes of an approval of one caller and one callee.
pub(super) struct Change<'a> {
    pub(super) approval: &'a Approval,
    /// When it is to end.
    pub(super) at: Timestamp,
    /// Its new reason, where there is one.
    pub(super) reason: Option<&'a str>,
    /// Another that says the same, and ends no sooner.
    pub(super) holds_longer: Option<&'a Approval>,
}

impl Change<'_> {
    fn name(&self) -> String {
        printable(&format!("{} {}", self.approval.kind(), self.approval.metadata.full_name()))
    }

    /// Until when, and what was before.
    fn worded(&self) -> String {
        let before = match self.approval.expires_at {
            Some(before) => format!("it was until {before}"),
            None => "it had no end".to_owned(),
        };
        format!("until {}; {before}", self.at)
    }

    fn make(&self, approval: &mut Approval) {
        approval.expires_at = Some(self.at);
        if let Some(reason) = self.reason {
            approval.reason = Some(reason.to_owned());
        }
    }

    /// It as it is to be.
    fn manifest(&self) -> String {
        let mut changed = self.approval.clone();
        self.make(&mut changed);
        Draft::again(&changed).map_or_else(String::new, |draft| draft.manifest())
    }
}

pub(super) fn run(args: &Approve, loaded: &Loaded, change: &Change<'_>, file: Option<&str>) -> Result<Status> {
    let dry_run = args.trial.dry_run;
    match file {
        _ if args.apply => apply(args, change)?,
        Some(path) => write(loaded, change, path, dry_run.is_some())?,
        None => {
            print(&change.manifest())?;
            let name = printable(&described(loaded, change.approval));
            printer::note(&format!("it takes the place of {name}: {}", change.worded()));
        }
    }
    if let Some(other) = change.holds_longer {
        printer::note(&printable(&format!("{} holds longer, and says the same", described(loaded, other))));
    }
    if change.approval.is_expired(loaded.snapshot.options.now) {
        let key = change.approval.metadata.key();
        let [before, after] = source::planned(loaded, |objects| {
            objects.approvals.iter_mut().filter(|approval| approval.metadata.key() == key).for_each(|a| change.make(a));
        });
        let pair = Pair { caller: &change.approval.callers[0], callee: &change.approval.callees[0] };
        effect::tell(&before, &after, pair, true);
    }
    Ok(Status::Yes)
}

fn apply(args: &Approve, change: &Change<'_>) -> Result<()> {
    let done = match args.trial.dry_run {
        Some(DryRun::Client) => {
            print(&change.manifest())?;
            "dry run: it would change"
        }
        dry_run => {
            let server = dry_run == Some(DryRun::Server);
            Cluster::connect(&args.input.connection)?.renew(change.approval, change.at, change.reason, server)?;
            if server {
                print(&change.manifest())?;
            }
            if server { "dry run: the API server would change" } else { "changed" }
        }
    };
    printer::note(&format!("{done} {}: {}", change.name(), change.worded()));
    Ok(())
}

fn write(loaded: &Loaded, change: &Change<'_>, path: &str, dry_run: bool) -> Result<()> {
    let name = change.name();
    let files = loaded.sources.files();
    let place = |origin: Origin| files.get(origin.file as usize).map(|file| (origin, file));
    let of_path = files.iter().find(|file| source::is_same(&file.name, path));
    let (before, text) = match change.approval.metadata.origin.and_then(place) {
        Some((origin, file)) if !source::is_same(&file.name, path) => {
            let message = format!("{name} stands in {}, and is to end at another time", loaded.sources.place(origin));
            return Err(Error::with_help(message, format!("change it there: --write {}", printable(&file.name))));
        }
        Some((_, file)) => {
            let text = String::from_utf8_lossy(&file.bytes);
            let renewed = edit::renew(&text, change.approval, &loaded.namespace, change.at, change.reason);
            let renewed = renewed.map_err(|error| cannot_edit(path, error))?;
            let missing = || Error::new(format!("{name} is not found again in {}", printable(path)));
            (Some(file.bytes.as_slice()), renewed.ok_or_else(missing)?)
        }
        // It is the cluster's: the file then has it as it is to be.
        None => {
            let bytes = of_path.map(|file| file.bytes.as_slice());
            let text = bytes.map(String::from_utf8_lossy);
            let added = edit::append(text.as_deref(), &change.manifest()).map_err(|error| cannot_edit(path, error))?;
            (bytes, added)
        }
    };
    let done = if dry_run {
        print(&change.manifest())?;
        "dry run: it would change"
    } else {
        Target::new(path, before).and_then(|target| target.write(&text)).map_err(Error::new)?;
        "changed"
    };
    printer::note(&format!("{done} {name} in {}: {}", printable(path), change.worded()));
    Ok(())
}
