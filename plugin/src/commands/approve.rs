//! `approve`: the Approval that lets a caller call a callee, printed or written.

mod renew;

use std::cmp::Reverse;
use std::io::Write as _;
use std::mem::ManuallyDrop;
use std::path::Path;

use netintent::approval::{Approval, Draft, MAX_REASON, expiry};
use netintent::callee::Scope;
use netintent::manifest::edit;
use netintent::names::{self, printable};
use netintent::resolve::{Called, Calling, callee_pattern, caller_pattern};

use renew::Change;

use super::effect::{self, Pair};
use super::revoke::cannot_edit;
use crate::cli::{Approve, DryRun};
use crate::cluster::Cluster;
use crate::error::{Error, Result, Status};
use crate::printer;
use crate::source::{self, File, Loaded, is_manifest};
use crate::writer::Target;

pub(super) fn run(args: &Approve) -> Result<Status> {
    let reason = args.reason.as_deref().map(reason).transpose()?;
    let file = args.write.as_deref().map(file).transpose()?;
    if args.trial.dry_run == Some(DryRun::Server) && !args.apply {
        return Err(Error::new("--dry-run=server asks the API server about --apply, and only about that"));
    }
    let there = file.filter(|file| Path::new(file).exists());
    // The process ends with the answer: there is no use in tidying up before.
    let loaded = ManuallyDrop::new(source::load_with(&args.input, &[&args.caller, &args.to], there)?);
    let Loaded { snapshot, .. } = &*loaded;
    let now = snapshot.options.now;
    let expires_at = args.expires.as_deref().map(|text| expiry(text, now)).transpose().map_err(Error::new)?;
    let (Calling { pattern: caller, doubts }, called) = ends(&loaded, args)?;
    let callee = called.pattern;
    doubts.iter().chain(&called.doubts).for_each(|doubt| printer::warning(doubt));
    if let Some(number) = called.number {
        printer::note(&format!("port {number} has a name, by which it is called: {callee}"));
    }
    let approvals = &snapshot.objects.approvals;
    // Of several the one that holds longest.
    let lasting = |a: &&Approval| Reverse(a.lasting());
    let holding = || approvals.iter().filter(|a| !a.is_expired(now) && a.covers(&caller, &callee));
    let longest = holding().min_by_key(lasting).filter(|a| expires_at.is_none_or(|at| a.ends_no_sooner(at)));
    // One of another place, such as the platform team's, is theirs to renew.
    let place = Draft::new(caller.clone(), callee.clone()).namespace.unwrap_or_default();
    let own = approvals.iter().filter(|a| a.metadata.namespace == place && a.is_just(&caller, &callee));
    let own = own.min_by_key(lasting);
    if let (Some(own), Some(at)) = (own, expires_at)
        && own.expires_at != Some(at)
        && !(own.is_expired(now) && longest.is_some())
    {
        let holds_longer = holding().filter(|a| *a != own && a.ends_no_sooner(at)).min_by_key(lasting);
        let change = Change { approval: own, at, reason: reason.as_deref(), holds_longer };
        return renew::run(args, &loaded, &change, file);
    }
    if let Some(approval) = longest {
        already(&loaded, approval);
        return Ok(Status::Yes);
    }
    for approval in holding() {
        printer::note(&printable(&format!("{} does not hold as long", described(&loaded, approval))));
    }
    let mut draft = Draft::new(caller.clone(), callee.clone());
    draft.reason = reason;
    draft.expires_at = expires_at;
    draft.rename(&|draft| is_taken(approvals, draft));
    draft.annotations = annotations(args, file);

    if args.input.is_live() {
        return live(args, &loaded, &draft);
    }
    let after = write(args, &loaded, &draft, file)?;
    effect::tell_of_files(&loaded, &after, Pair { caller: &caller, callee: &callee }, true);
    Ok(Status::Yes)
}

/// Prints the manifest, or creates the object in the cluster that was read.
fn live(args: &Approve, loaded: &Loaded, draft: &Draft) -> Result<Status> {
    let manifest = draft.manifest();
    let name = printable(&format!("{} {}", draft.kind(), draft.full_name()));
    let [before, after] = source::planned(loaded, |objects| objects.approvals.push(draft.approval()));
    let pair = Pair { caller: &draft.callers[0], callee: &draft.callees[0] };
    if !args.apply || args.trial.dry_run == Some(DryRun::Client) {
        print(&manifest)?;
        if args.apply {
            printer::note(&format!("dry run: {name} would be created"));
        }
    } else {
        let server = args.trial.dry_run == Some(DryRun::Server);
        Cluster::connect(&args.input.connection)?.create(draft, server)?;
        if server {
            print(&manifest)?;
        }
        let done = if server { "dry run: the API server would take it: " } else { "created " };
        printer::note(&format!("{done}{name}"));
    }
    effect::tell(&before, &after, pair, true);
    Ok(Status::Yes)
}

/// Who git says approves, and on which commit: what is in files is reviewed with it. Of an object that is made in a cluster the
/// webhook says who.
fn annotations(args: &Approve, file: Option<&str>) -> Vec<(&'static str, String)> {
    if args.apply {
        return Vec::new();
    }
    let folder = file.and_then(|file| Path::new(file).parent()).filter(|folder| !folder.as_os_str().is_empty());
    let (author, commit) = source::author(folder.unwrap_or(Path::new(".")));
    let annotations = [(names::AUTHOR, author), (names::COMMIT, commit)];
    annotations.into_iter().filter_map(|(key, text)| Some((key, text?))).collect()
}

/// Who is to call whom.
fn ends(loaded: &Loaded, args: &Approve) -> Result<(Calling, Called)> {
    let home = source::home(&args.input, loaded);
    let called = callee_pattern(&loaded.snapshot, &args.to, home)?;
    let own = match &called.pattern.scope {
        Scope::Service { namespace, .. } | Scope::Namespace(namespace) => Some(namespace.as_str()),
        Scope::Cluster | Scope::Type(_) => None,
    };
    Ok((caller_pattern(&loaded.snapshot, &args.caller, own, home)?, called))
}

fn reason(text: &str) -> Result<String> {
    match text.chars().count() {
        0 => Err(Error::new("--reason is empty: say why, or leave it out")),
        count if count > MAX_REASON => {
            Err(Error::new(format!("--reason has {count} characters, and may have {MAX_REASON}")))
        }
        _ => Ok(text.to_owned()),
    }
}

/// The file to write to, which may not be there yet.
fn file(path: &str) -> Result<&str> {
    if path == "-" {
        return Err(Error::new("--write needs a file: without it the Approval goes to standard output"));
    }
    if Path::new(path).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
        let message = format!("{} is a JSON file, which has no documents to add one to", printable(path));
        let help = "write to a YAML file: objects may lie in as many files as you like".to_owned();
        return Err(Error::with_help(message, help));
    }
    Target::new(path, None).map_err(Error::new)?;
    let hidden = Path::new(path).file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    if hidden || !is_manifest(Path::new(path)) {
        let message = format!("{} is no manifest by its name, and would be passed over in a folder", printable(path));
        let help = "write to a file that ends in .yaml or .yml, and is no kustomization".to_owned();
        return Err(Error::with_help(message, help));
    }
    Ok(path)
}

/// Whether an approval of its kind has the name.
pub(super) fn is_taken(approvals: &[Approval], draft: &Draft) -> bool {
    let namespace = draft.namespace.as_deref().unwrap_or_default();
    approvals.iter().any(|a| (a.metadata.namespace.as_str(), a.metadata.name.as_str()) == (namespace, &draft.name))
}

fn already(loaded: &Loaded, approval: &Approval) {
    printer::note(&printable(&format!("already approved by {}: nothing is written", described(loaded, approval))));
}

/// `Approval bank/within (bank.yaml:3), until 2027-06-30T00:00:00Z`.
fn described(loaded: &Loaded, approval: &Approval) -> String {
    let place = approval.metadata.origin.map_or_else(String::new, |at| format!(" ({})", loaded.sources.place(at)));
    let until = approval.expires_at.map_or_else(String::new, |at| format!(", until {at}"));
    format!("{} {}{place}{until}", approval.kind(), approval.metadata.full_name())
}

/// Prints the manifest or writes it, and gives what then holds. The new file is read before it is written.
fn write(args: &Approve, loaded: &Loaded, draft: &Draft, file: Option<&str>) -> Result<Loaded> {
    let manifest = draft.manifest();
    let name = format!("{} {}", draft.kind(), draft.full_name());
    let Some(path) = file else {
        let after = source::edited(loaded, &args.input, vec![File::new("<approval>", &manifest)])?;
        print(&manifest)?;
        return Ok(after);
    };
    let before = loaded.sources.files().iter().find(|file| source::is_same(&file.name, path));
    let before = before.map(|file| file.bytes.as_slice());
    let text = before.map(String::from_utf8_lossy);
    let added = edit::append(text.as_deref(), &manifest).map_err(|error| cannot_edit(path, error))?;
    let after = source::edited(loaded, &args.input, vec![File::new(path, &added)])?;
    if args.trial.dry_run.is_some() {
        print(&manifest)?;
        printer::note(&printable(&format!("dry run: {name} would be added to {path}")));
    } else {
        Target::new(path, before).and_then(|target| target.write(&added)).map_err(Error::new)?;
        printer::note(&printable(&format!("added {name} to {path}")));
    }
    Ok(after)
}

fn print(manifest: &str) -> Result<()> {
    let mut out = printer::stdout();
    out.write_all(manifest.as_bytes())?;
    out.flush()?;
    Ok(())
}
