//! From a cluster to a snapshot.

use std::collections::{BTreeMap, BTreeSet};

use netintent::names::{is_dns_label, printable};
use netintent::snapshot::Snapshot;
use netintent::unread::Unread;

use super::{Loaded, Sources, options};
use crate::cli::Input;
use crate::cluster::{Cluster, Wanted, World, read};
use crate::error::Result;
use crate::printer;

/// Reads the cluster; `names` are what is asked about, as typed.
pub(super) fn load(input: &Input, names: &[&str], exposures: bool) -> Result<Loaded> {
    let cluster = Cluster::connect(&input.connection)?;
    let namespace = input.namespace.clone().unwrap_or_else(|| cluster.namespace().to_owned());
    let wanted = Wanted { namespaces: named(&namespace, names), exposures, nodes: false };
    let World { objects, mut findings, installed, .. } = read(&cluster, &wanted)?;
    if !installed {
        printer::note("netintent is not installed in this cluster: there are no Approvals.");
    }
    report_unread(&objects.unread);
    let mut snapshot = Snapshot::new(objects, &options(input));
    findings.append(&mut snapshot.findings);
    Ok(Loaded { snapshot, findings, sources: Sources::new(Vec::new()), namespace })
}

/// The namespaces that a question is about: its own, and those that its names begin with.
fn named(own: &str, names: &[&str]) -> BTreeSet<String> {
    let first = |name: &&str| name.split_once('/').map(|(namespace, _)| namespace.to_owned());
    let all = names.iter().filter_map(first).filter(|name| is_dns_label(name));
    all.chain([own.to_owned()]).collect()
}

/// Says what could not be read, the same reason once.
fn report_unread(unread: &[Unread]) {
    const MOST: usize = 5;
    let mut whole: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut single: Vec<String> = Vec::new();
    for unread in unread {
        match &unread.extent {
            netintent::unread::Extent::AllBut(_) => {
                let why =
                    unread.why.split(" cannot ").next().unwrap_or_default().rsplit(": ").next().unwrap_or_default();
                whole.entry(why.to_owned()).or_default().push(unread.to_string());
            }
            netintent::unread::Extent::One(..) => single.push(format!("{unread} can't be read: {}", unread.why)),
        }
    }
    for (who, kinds) in whole {
        let by = if who.is_empty() { String::new() } else { format!(" by {who}") };
        printer::warning(&format!("not permitted to be read{by}: {}", kinds.join("; ")));
    }
    single.iter().take(MOST).for_each(|text| printer::warning(&printable(text)));
    if single.len() > MOST {
        printer::warning(&format!("and {} more objects can't be read", single.len() - MOST));
    }
}
