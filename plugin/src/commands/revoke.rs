//! `revoke`: an approval of just one caller for just one callee, taken out of the files it stands in.

mod live;

use std::io::Write as _;
use std::mem::ManuallyDrop;

use netintent::approval::{Approval, Cut, Draft};
use netintent::callee::CalleePattern;
use netintent::caller::CallerPattern;
use netintent::finding::ObjectName;
use netintent::manifest::edit::{self, EditError, Revoked, Taken};
use netintent::names::printable;
use netintent::resolve::{callee_pattern, caller_pattern};

use super::approve::is_taken;
use super::effect::{self, Pair};
use crate::cli::{DryRun, Revoke};
use crate::error::{Error, Result, Status};
use crate::printer::{self, BOLD, styled};
use crate::render::changed;
use crate::source::{self, File, Loaded};
use crate::writer::Target;

pub(super) fn run(args: &Revoke) -> Result<Status> {
    if args.input.is_live() && !args.apply {
        let help = "-f PATH takes it out of files, --apply out of the cluster".to_owned();
        return Err(Error::with_help("it is not said where the approval is to go from", help));
    }
    if args.asked.trial.dry_run == Some(DryRun::Server) && !args.apply {
        return Err(Error::new("--dry-run=server asks the API server about --apply, and only about that"));
    }
    // The process ends with the answer: there is no use in tidying up before.
    let loaded = ManuallyDrop::new(source::load(&args.input, &[&args.caller, &args.to])?);
    let (caller, callee) = ends(&loaded, args)?;
    let pair = Pair { caller: &caller, callee: &callee };
    check_wider(&loaded, pair)?;
    if args.apply {
        return live::run(args, &loaded, pair);
    }
    let changes = changes(&loaded, pair)?;
    if changes.is_empty() {
        return Err(nothing(&loaded, pair));
    }
    let edits = changes.iter().map(|change| File::new(change.name, &change.revoked.text)).collect();
    let after = source::edited(&loaded, &args.input, edits)?;
    // An object that the removed one stood in for may hold now.
    check_wider_than_nothing(&after, pair)?;
    if args.asked.trial.dry_run.is_some() {
        show(&changes)?;
    } else {
        write(&changes)?;
    }
    for change in &changes {
        change
            .revoked
            .taken
            .iter()
            .for_each(|taken| printer::note(&worded(taken, pair, change.name, args.asked.trial.dry_run.is_some())));
    }
    effect::tell_of_files(&loaded, &after, pair, false);
    warn_of_wider(&loaded, pair.callee);
    Ok(Status::Yes)
}

/// A file that changes.
struct Change<'a> {
    name: &'a str,
    before: &'a [u8],
    revoked: Revoked,
}

/// Who may call whom no longer: what is in the input, or else what an approval alone still names.
fn ends(loaded: &Loaded, args: &Revoke) -> Result<(CallerPattern, CalleePattern)> {
    let (snapshot, home) = (&loaded.snapshot, source::home(&args.input, loaded));
    let known = callee_pattern(snapshot, &args.to, home);
    let typed = CalleePattern::parse(&args.to, Some(home.namespace)).ok();
    let callees: Vec<&CalleePattern> = known.iter().map(|called| &called.pattern).chain(&typed).collect();
    let own = callees.first().and_then(|callee| match &callee.scope {
        netintent::callee::Scope::Service { namespace, .. } | netintent::callee::Scope::Namespace(namespace) => {
            Some(namespace.as_str())
        }
        _ => None,
    });
    let known_caller = caller_pattern(snapshot, &args.caller, own, home);
    let typed_caller = CallerPattern::parse(&args.caller, own).ok();
    for caller in known_caller.iter().map(|calling| &calling.pattern).chain(&typed_caller) {
        for callee in &callees {
            if snapshot.objects.approvals.iter().any(|approval| approval.names(caller, callee)) {
                return Ok((caller.clone(), (*callee).clone()));
            }
        }
    }
    Ok((known_caller?.pattern, known?.pattern))
}

/// What of approvals of a callee could not be read, in words; nothing where all of them are known.
fn unread(loaded: &Loaded, callee: &CalleePattern) -> Option<String> {
    let unread = loaded.snapshot.unread_approvals(callee).filter(|unread| !unread.is_not_installed());
    let names: Vec<String> = unread.map(ToString::to_string).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Says where it cannot be told that nothing else covers it.
fn warn_of_wider(loaded: &Loaded, callee: &CalleePattern) {
    if let Some(unread) = unread(loaded, callee) {
        let text = format!("cannot tell whether a wider approval lets it through still: {unread} could not be read");
        printer::warning(&text);
    }
}

/// Approvals that hold.
fn holding(loaded: &Loaded) -> impl Iterator<Item = &Approval> {
    let now = loaded.snapshot.options.now;
    loaded.snapshot.objects.approvals.iter().filter(move |approval| !approval.is_expired(now))
}

/// `Approval bank/within (bank.yaml:3)`.
fn named(loaded: &Loaded, approval: &Approval) -> String {
    let place = approval.metadata.origin.map_or_else(String::new, |at| format!(" ({})", loaded.sources.place(at)));
    format!("{} {}{place}", approval.kind(), approval.metadata.full_name())
}

/// Insists that nothing wider covers it, which would make the revocation a pretence.
fn check_wider(loaded: &Loaded, pair: Pair<'_>) -> Result<()> {
    refuse(loaded, pair, holding(loaded).filter(|approval| approval.is_wider(pair.caller, pair.callee)))
}

/// The same afterwards, when nothing at all may cover it.
fn check_wider_than_nothing(loaded: &Loaded, pair: Pair<'_>) -> Result<()> {
    refuse(loaded, pair, holding(loaded).filter(|approval| approval.covers(pair.caller, pair.callee)))
}

fn refuse<'a>(loaded: &Loaded, pair: Pair<'_>, wider: impl Iterator<Item = &'a Approval>) -> Result<()> {
    const MOST: usize = 5;
    let names: Vec<String> = wider.map(|approval| named(loaded, approval)).collect();
    if names.is_empty() {
        return Ok(());
    }
    let more = if names.len() > MOST { format!(" and {} more", names.len() - MOST) } else { String::new() };
    let shown: Vec<String> = names.into_iter().take(MOST).collect();
    let Pair { caller, callee } = pair;
    let message = format!("{caller} → {callee} is covered by a wider approval: {}{more}", shown.join(", "));
    let help = "nothing was changed: narrow that one, or have the platform team prohibit it".to_owned();
    Err(Error::with_help(message, help))
}

/// What nobody approves, with what comes nearest.
fn nothing(loaded: &Loaded, pair: Pair<'_>) -> Error {
    const MOST: usize = 3;
    let Pair { caller, callee } = pair;
    let mut near: Vec<(u8, String)> = Vec::new();
    for approval in &loaded.snapshot.objects.approvals {
        for who in &approval.callers {
            for whom in &approval.callees {
                let same_caller = who.covers(caller) || caller.covers(who);
                let distance = match (same_caller, whom == callee, whom.overlaps(callee)) {
                    (true, _, true) => 0,
                    (false, true, _) => 1,
                    (true, false, false) if who == caller => 2,
                    _ => continue,
                };
                near.push((distance, format!("{} approves {who} → {whom}", named(loaded, approval))));
            }
        }
    }
    near.sort();
    let shown: Vec<String> = near.into_iter().take(MOST).map(|(_, text)| text).collect();
    let help = if shown.is_empty() { None } else { Some(shown.join("; ")) };
    let message = match unread(loaded, callee) {
        Some(unread) => {
            format!("cannot tell whether anything approves {caller} → {callee}: {unread} could not be read")
        }
        None => format!("nothing approves {caller} → {callee}"),
    };
    Error::with_help(message, help)
}

/// All files that change, each once, whatever ways lead to it.
fn changes<'a>(loaded: &'a Loaded, pair: Pair<'_>) -> Result<Vec<Change<'a>>> {
    let mut changes: Vec<Change<'a>> = Vec::new();
    for file in loaded.sources.files() {
        if changes.iter().any(|change| source::is_same(change.name, &file.name)) {
            continue;
        }
        let text = String::from_utf8_lossy(&file.bytes);
        let added =
            |name: &ObjectName| changes.iter().flat_map(|c| &c.revoked.taken).any(|t| t.added.as_ref() == Some(name));
        let is_taken = |draft: &Draft| {
            let namespace = draft.namespace.clone().unwrap_or_default();
            let name = ObjectName { kind: draft.kind().into(), namespace, name: draft.name.clone() };
            is_taken(&loaded.snapshot.objects.approvals, draft) || added(&name)
        };
        let namespace = &loaded.namespace;
        let revoked = edit::revoke(&text, pair.caller, pair.callee, namespace, &is_taken)
            .map_err(|error| cannot_edit(&file.name, error))?;
        let Some(revoked) = revoked else { continue };
        if file.is_stdin() {
            let message = "the approval is in standard input, which cannot be edited";
            return Err(Error::with_help(message, "give its file with -f".to_owned()));
        }
        changes.push(Change { name: &file.name, before: &file.bytes, revoked });
    }
    Ok(changes)
}

/// Why a file is left as it is, and where.
pub(super) fn cannot_edit(file: &str, error: EditError) -> Error {
    let at = error.at.map_or_else(String::new, |at| format!(":{}:{}", at.line, at.column));
    Error::with_help(format!("cannot edit {file}{at}: {}; nothing was changed", error.message), error.help)
}

/// Writes all files: what can't be written is found, as far as possible, before the first one is.
fn write(changes: &[Change<'_>]) -> Result<()> {
    let targets: std::result::Result<Vec<Target>, String> =
        changes.iter().map(|change| Target::new(change.name, Some(change.before))).collect();
    let targets = targets.map_err(|message| Error::with_help(message, "nothing was changed".to_owned()))?;
    let mut done: Vec<&str> = Vec::new();
    for (change, target) in changes.iter().zip(targets) {
        let spent = change.revoked.is_spent;
        let written = if spent { target.remove() } else { target.write(&change.revoked.text) };
        if let Err(message) = written {
            let help = match &done[..] {
                [] => "nothing was changed".to_owned(),
                done => format!("changed before that: {}", done.join(", ")),
            };
            return Err(Error::with_help(message, help));
        }
        if spent && target.is_removable() {
            let message = format!(
                "removed {}, in which nothing was left: whatever names it, such as a kustomization, has to follow",
                change.name
            );
            printer::note(&printable(&message));
        }
        done.push(change.name);
    }
    Ok(())
}

/// Prints the lines that would change.
fn show(changes: &[Change<'_>]) -> Result<()> {
    let mut out = printer::stdout();
    for change in changes {
        writeln!(out, "{}", styled(BOLD, &printable(change.name)))?;
        changed::lines(&mut out, &String::from_utf8_lossy(change.before), &change.revoked.text)?;
    }
    out.flush()?;
    Ok(())
}

/// What was done, or would be.
fn worded(taken: &Taken, pair: Pair<'_>, file: &str, dry_run: bool) -> String {
    let Taken { object, cut, added } = taken;
    let what = match cut {
        Cut::Whole => object.to_string(),
        Cut::Callers => format!("`callers` of {object}"),
        Cut::Caller(_) => format!("{} of {object}", pair.caller),
        Cut::Callee(_) => format!("{} of {object}", pair.callee),
    };
    let (take, add) = if dry_run { ("dry run: it would take", "add") } else { ("took", "added") };
    let rest = added
        .as_ref()
        .map_or_else(String::new, |added| format!(", and {add} {added}, for what {} may still call", pair.caller));
    let text = format!("{take} {what} out of {file}{rest}");
    printable(&text)
}
