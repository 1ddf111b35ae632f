//! From a cluster to a snapshot.

use std::collections::{BTreeMap, BTreeSet};

use netintent::manifest::text::Node;
use netintent::manifest::{Object, collect};
use netintent::names::{is_dns_label, printable};
use netintent::resolve;
use netintent::snapshot::Snapshot;
use netintent::unread::{Extent, Unread};

use super::{Loaded, Sources, options};
use crate::cli::{Connection, Input};
use crate::cluster::{Cluster, Wanted, World, read};
use crate::error::Result;
use crate::printer;

/// Reads the cluster; `names` are what is asked about, as typed.
pub(super) fn load(input: &Input, names: &[&str], what: What) -> Result<Loaded> {
    let (World { objects, unread, mut findings, .. }, namespace) =
        world(&input.connection, input.namespace.as_deref(), names, what, input.verbose)?;
    let mut objects = collect(objects, &|_| String::new(), &mut findings);
    objects.unread = unread;
    let mut snapshot = Snapshot::new(objects, &options(input));
    findings.append(&mut snapshot.findings);
    if !input.all_namespaces
        && let Err(missing) = resolve::namespace(&snapshot, &namespace)
    {
        if input.namespace.is_some() {
            return Err(missing.into());
        }
        printer::warning(&format!("{missing}, which the context names"));
    }
    // As kubectl shows what is in one namespace unless all are asked for.
    let shown = (!input.all_namespaces).then(|| BTreeSet::from([namespace.clone()]));
    Ok(Loaded { snapshot, findings, sources: Sources::none(), namespace, shown, under: Vec::new() })
}

/// What is read besides the rest.
#[derive(Clone, Copy, Default)]
pub(super) struct What {
    /// What calls Services.
    pub(super) exposures: bool,
    /// Where Services lead by addresses alone.
    pub(super) endpoints: bool,
    /// The objects as they were read.
    pub(super) nodes: bool,
}

/// Reads what is wanted, and gives the namespace of what names none.
fn world(
    connection: &Connection,
    own: Option<&str>,
    names: &[&str],
    what: What,
    verbose: bool,
) -> Result<(World, String)> {
    let cluster = Cluster::connect(connection)?;
    let namespace = own.unwrap_or(cluster.namespace()).to_owned();
    let What { exposures, endpoints, nodes } = what;
    let wanted = Wanted { namespaces: named(&namespace, names), exposures, endpoints, nodes };
    let world = read(&cluster, &wanted)?;
    report_unread(&world.unread, verbose);
    Ok((world, namespace))
}

/// The objects of a cluster that something may be laid over.
pub(super) struct Base {
    /// All but the pods of controllers, whose templates tell.
    pub(super) objects: Vec<Object>,
    pub(super) unread: Vec<Unread>,
    /// The namespace of what names none.
    pub(super) namespace: String,
}

/// Reads the cluster for that; `names` begin with the namespaces that count.
pub(super) fn objects(input: &Input, names: &[String], what: What) -> Result<Base> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (World { mut objects, unread, .. }, namespace) =
        world(&input.connection, input.namespace.as_deref(), &names, what, input.verbose)?;
    let of_template = |object: &Object| match object {
        Object::Workload(workload) if workload.kind == "Pod" => {
            let owner = workload.metadata.controller.as_ref();
            owner.is_some_and(|owner| {
                matches!(owner.group.as_str(), "apps" | "batch") || owner.kind == "ReplicationController"
            })
        }
        _ => false,
    };
    objects.retain(|object| !of_template(object));
    Ok(Base { objects, unread, namespace })
}

/// The objects of the cluster as they were read, and what could not be.
pub(crate) fn nodes(connection: &Connection) -> Result<(Vec<Node>, Vec<Unread>)> {
    let (world, _) = world(connection, None, &[], What { exposures: true, endpoints: true, nodes: true }, false)?;
    Ok((world.nodes, world.unread))
}

/// The namespaces that a question is about: its own, and those that its names begin with.
fn named(own: &str, names: &[&str]) -> BTreeSet<String> {
    let first = |name: &&str| name.split_once('/').map(|(namespace, _)| namespace.to_owned());
    let all = names.iter().filter_map(first).filter(|name| is_dns_label(name));
    all.chain([own.to_owned()]).collect()
}

/// Says what could not be read: kinds together, and of many kinds or objects the first ones unless all are asked for.
pub(super) fn report_unread(unread: &[Unread], all: bool) {
    const MOST: usize = 5;
    let mut whole: BTreeMap<String, Vec<&Unread>> = BTreeMap::new();
    let mut single: Vec<String> = Vec::new();
    if unread.iter().any(Unread::is_not_installed) {
        let help =
            "nothing in it is declared, approved or derived; `kubectl netintent install` says how to change that";
        printer::warning(&format!("{}: {help}", Unread::NOT_INSTALLED));
    }
    for unread in unread.iter().filter(|unread| !unread.is_not_installed()) {
        match &unread.extent {
            Extent::AllBut(_) => whole.entry(who(&unread.why)).or_default().push(unread),
            Extent::One(..) => single.push(format!("{unread} can't be read: {}", unread.why)),
        }
    }
    for (who, kinds) in whole {
        let by = if who.is_empty() { String::new() } else { format!(" by {who}") };
        printer::warning(&format!("not permitted to be read{by}: {}", kinds_text(&kinds, all)));
    }
    let shown = if all { single.len() } else { MOST };
    single.iter().take(shown).for_each(|text| printer::warning(&printable(text)));
    if single.len() > shown {
        printer::warning(&format!("and {} more objects can't be read", single.len() - shown));
    }
}

/// Kinds that could not be read, by where: those first that answers mostly hang on.
fn kinds_text(unread: &[&Unread], all: bool) -> String {
    const MOST: usize = 4;
    const FIRST: [&str; 6] = ["Pod", "Service", "NetworkPolicy", "Approval", "ClusterApproval", "ClusterProhibition"];
    let mut places: BTreeMap<&Extent, Vec<&Unread>> = BTreeMap::new();
    unread.iter().for_each(|unread| places.entry(&unread.extent).or_default().push(unread));
    let texts: Vec<String> = places
        .into_iter()
        .map(|(extent, mut kinds)| {
            kinds.sort_by_key(|unread| FIRST.iter().position(|kind| *kind == &*unread.kind).unwrap_or(FIRST.len()));
            let shown = if all { kinds.len() } else { MOST };
            let names: Vec<String> = kinds.iter().take(shown).map(|unread| unread.kinds()).collect();
            let more = match kinds.len() - names.len() {
                0 => String::new(),
                more => format!(" and {more} more kinds"),
            };
            let read: Vec<&str> = match extent {
                Extent::AllBut(read) => read.iter().map(String::as_str).collect(),
                Extent::One(..) => Vec::new(),
            };
            let place = if read.is_empty() { String::new() } else { format!(" outside of {}", read.join(", ")) };
            format!("{}{more}{place}", names.join(", "))
        })
        .collect();
    texts.join("; ")
}

/// Who is not permitted something, as the API server says it: `pods is forbidden: User "a" cannot list …`.
fn who(why: &str) -> String {
    let before = why.split_once(" cannot ").map_or("", |(before, _)| before);
    before.rsplit(": ").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_kinds_those_are_named_that_matter() {
        let gap = |kind: &'static str, read: &[&str]| {
            let extent = Extent::AllBut(read.iter().map(|name| (*name).to_owned()).collect());
            Unread { group: String::new(), kind: kind.into(), extent, why: "no".to_owned() }
        };
        let kinds =
            ["Namespace", "CronJob", "Ingress", "NetworkPolicy", "Service", "Pod"].map(|kind| gap(kind, &["shop"]));
        let all: Vec<Unread> =
            kinds.into_iter().chain([gap("ClusterProhibition", &[]), gap("ClusterApproval", &[])]).collect();
        let all: Vec<&Unread> = all.iter().collect();
        let cluster = "ClusterApprovals, ClusterProhibitions; Pods, Services, NetworkPolicies";
        assert_eq!(kinds_text(&all, false), format!("{cluster}, Namespaces and 2 more kinds outside of shop"));
        assert_eq!(kinds_text(&all, true), format!("{cluster}, Namespaces, CronJobs, Ingresses outside of shop"));
    }

    #[test]
    fn who_is_not_permitted_is_told() {
        assert_eq!(who("pods is forbidden: User \"jane\" cannot list resource \"pods\""), "User \"jane\"");
        assert_eq!(who("no"), "");
        let all: Vec<String> =
            named("own", &["shop/web", "bank/ledger:rpc", "10.0.0.0/8", "web"]).into_iter().collect();
        assert_eq!(all, ["bank", "own", "shop"]);
    }
}
