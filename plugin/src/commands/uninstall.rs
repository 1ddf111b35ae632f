//! `uninstall`: what netintent is installed by, printed, or taken away with all that it wrote.

mod found;
mod guests;
mod left;
mod remove;
mod steps;

use std::io::Write as _;

use netintent::diff::{Protection, diff, protection_changes};
use netintent::names::printable;
use netintent::objects::Metadata;
use netintent::policy::NetworkPolicy;
use netintent::snapshot::Snapshot;

use super::confirm::confirmed;
use super::effect;
use super::place::place;
use crate::cli::{DryRun, Input, Uninstall};
use crate::cluster::{Cluster, Failure};
use crate::error::{Error, Result, Status};
use crate::printer;
use crate::release::{Manifest, NAMESPACE, Release, manifests};
use crate::render::ends::short;
use crate::render::uninstall::{self as render, listed};
use crate::source::{self, Loaded};
pub(crate) use found::{Found, Own, Stage};
pub(crate) use left::{Left, MOST};
use steps::{Leaving, Run};

pub(super) fn run(args: &Uninstall) -> Result<Status> {
    if !args.apply {
        return print(args);
    }
    let cluster = Cluster::connect(&args.connection)?;
    let asked = args.namespace.as_deref();
    let namespace = place(&cluster, asked)?.unwrap_or_else(|| asked.unwrap_or(NAMESPACE).to_owned());
    let found = cluster.run(found::find(&cluster, namespace, args)).map_err(Failure::into_error)?;
    if found.is_empty() && !found.has_rest() {
        printer::note("nothing of netintent's is in this cluster");
        return Ok(Status::Yes);
    }
    show(args, &found)?;
    let rest = if found.has_rest() { Status::Trouble } else { Status::Yes };
    if args.asked.trial.dry_run == Some(DryRun::Client) || found.is_empty() {
        return Ok(rest);
    }
    let dry_run = args.asked.trial.dry_run.is_some();
    let leaving = |run| Leaving::new(&cluster, args, run);
    if !dry_run && !args.asked.yes && !confirmed(&format!("Uninstall netintent from {}?", cluster.server()))? {
        printer::note("nothing was changed");
        return Ok(Status::Trouble);
    }
    if dry_run {
        leaving(Run::Told).leave(&found)?;
        return Ok(rest);
    }
    leaving(Run::Trial).leave(&found).map_err(Error::with_nothing_changed)?;
    let mut real = leaving(Run::Real);
    let done = real.leave(&found);
    render::left(&real.left).iter().for_each(|line| printer::note(line));
    done?;
    if real.left.is_empty() {
        printer::note(render::end(&found).as_str());
        return Ok(rest);
    }
    if found.has_rest() {
        printer::note(render::end(&found).as_str());
    }
    Ok(Status::Trouble)
}

/// Says what goes, opens and stays.
///
/// # Errors
/// Where policies of somebody else would let nobody in any more.
fn show(args: &Uninstall, found: &Found) -> Result<()> {
    let hangs = !(found.policies.is_empty() && found.namespaces.is_empty() && found.pods.is_empty());
    let loaded = if hangs { Some(source::load_for_check(&Input::live(&args.connection, None))?) } else { None };
    let after = loaded.as_ref().map(|loaded| without(&loaded.snapshot, found));
    if let (Some(loaded), Some(after)) = (&loaded, &after) {
        check_others(args, loaded, found)?;
        check_lost(args, &loaded.snapshot, after)?;
    }
    render::lines(args, found).iter().for_each(|line| printer::note(line));
    if let Some((loaded, after)) = loaded.zip(after).filter(|_| !found.policies.is_empty()) {
        let before = loaded.snapshot;
        let opened: Vec<String> = protection_changes(&before, &after)
            .into_iter()
            .filter(|change| change.after == Some(Protection::Open))
            .map(|change| format!("{}/{}", change.service.0, change.service.1))
            .collect();
        if !opened.is_empty() {
            printer::note(&listed("opens to everybody:", "Service", &opened));
        }
        if !effect::changes(&before, &after) && before.objects.unread.is_empty() {
            printer::note("opens no connection between workloads that are there");
        }
    }
    Ok(())
}

/// The cluster without the policies that go.
fn without(before: &Snapshot, found: &Found) -> Snapshot {
    let mut objects = before.objects.clone();
    objects.policies.retain(|policy| !goes(policy, found));
    Snapshot::new(objects, &before.options)
}

fn goes(policy: &NetworkPolicy, found: &Found) -> bool {
    let key = policy.metadata.key();
    found.policies.iter().any(|other| (other.namespace.as_str(), other.name.as_str()) == key)
}

/// Insists that nobody is cut: where policies of others stand before the same pods, those of netintent are what lets in.
fn check_lost(args: &Uninstall, before: &Snapshot, after: &Snapshot) -> Result<()> {
    let (mut count, mut first) = (0_usize, None);
    let _ = diff::<()>(before, after, &mut |difference| {
        if difference.lost().iter().any(|ports| !ports.is_empty()) {
            count += 1;
            first.get_or_insert_with(|| {
                format!("{} → {}", short(&difference.source, false), short(&difference.destination, false))
            });
        }
        Ok(())
    });
    let Some(first) = first.map(|ends| printable(&ends)) else { return Ok(()) };
    let connections = if count == 1 { "1 connection".to_owned() } else { format!("{count} connections") };
    let message =
        format!("without netintent's policies, what others' policies leave closes {connections}, such as {first}");
    if args.cut_others {
        printer::warning(&message);
        return Ok(());
    }
    let help = "let them in by those policies, or take those away; or go on with --cut-others".to_owned();
    Err(Error::with_help(format!("nothing was changed: {message}"), help))
}

/// Policies of others that select by what goes would let in nobody, or select nobody.
fn check_others(args: &Uninstall, loaded: &Loaded, found: &Found) -> Result<()> {
    let unread = loaded.snapshot.objects.unread.iter().find(|unread| &*unread.kind == "NetworkPolicy");
    if let Some(unread) = unread.filter(|_| !args.cut_others) {
        let help = "see to it that it can be read, or go on with --cut-others".to_owned();
        let message = format!("nothing was changed, since it can't be told what hangs on netintent's labels: {unread}");
        return Err(Error::with_help(message, help));
    }
    let policies = loaded.snapshot.objects.policies.iter();
    let others: Vec<&Metadata> = policies
        .filter(|policy| policy.hangs_on_netintent() && !goes(policy, found))
        .map(|policy| &policy.metadata)
        .collect();
    let Some(Metadata { namespace, name, .. }) = others.first() else { return Ok(()) };
    let names = render::first(&others.iter().map(|other| other.full_name()).collect::<Vec<_>>());
    if args.cut_others {
        printer::warning(&format!("policies of others will let in nobody by netintent's labels or modes: {names}"));
        return Ok(());
    }
    let message = format!(
        "nothing was changed, since policies that netintent did not write select by its labels or modes, and would let in \
         nobody without them: {names}"
    );
    let help = format!(
        "delete those that `render` printed, and change others: kubectl delete networkpolicy -n {namespace} {name}; or go on \
         with --cut-others"
    );
    Err(Error::with_help(message, help))
}

/// Prints the manifests in an order in which they may be deleted.
fn print(args: &Uninstall) -> Result<Status> {
    let namespace = args.namespace.as_deref().unwrap_or(NAMESPACE);
    let release = Release { namespace, replicas: None, image: None, cert_manager: args.cert_manager };
    let text = release.text();
    let mut all: Vec<Manifest<'_>> = manifests(&text);
    all.retain(|manifest| !(args.keep_approvals && found::stage(manifest) == Stage::Kind));
    all.sort_by_key(found::stage);
    let texts: Vec<&str> = all.iter().map(|manifest| manifest.text.trim_end()).collect();
    let mut out = printer::data();
    out.write_all((texts.join("\n---\n") + "\n").as_bytes())?;
    out.flush()?;
    printer::warning(
        "policies, modes and labels are not among these: take the modes away before, as `uninstall --apply` does by itself",
    );
    Ok(Status::Yes)
}
