//! Manifests over a cluster: what it will be once they are applied, or what they lack taken from it.

use std::collections::{BTreeSet, HashSet};

use netintent::manifest::Object;
use netintent::objects::Metadata;
use netintent::selector::Selector;
use netintent::snapshot::{Options, Snapshot};

use super::files::File;
use super::live::What;
use super::read::{Manifests, Read, decoded, laid_over};
use super::{Loaded, Sources, announced, files, live, options, stdin_once};
use crate::cli::{Input, Pruned};
use crate::error::Result;

/// What goes of a cluster where it is not in the manifests, as `kubectl diff --prune` has it.
pub(crate) struct Prune {
    /// Only what has these labels.
    pub(crate) selector: Option<Selector>,
    /// The kinds, in place of kubectl's own.
    pub(crate) kinds: Vec<Pruned>,
    /// Whether Namespaces may go.
    pub(crate) namespaces: bool,
}

/// What kubectl prunes where it is not told otherwise, of what is read here: the workloads and these.
const PRUNED: [&str; 4] = ["ReplicationController", "Pod", "Service", "Namespace"];

/// The cluster, and what it will be once `-f` is applied to it, both as admission and the controller will have them;
/// `also` is on either side.
pub(crate) fn load_over_cluster(input: &Input, also: &[String], prune: Option<&Prune>) -> Result<[Loaded; 2]> {
    stdin_once(input.files.iter().chain(also))?;
    let shared = files::collect(also)?;
    let new: Vec<File> = files::collect(&input.files)?.into_iter().chain(shared.clone()).collect();
    let cluster = live::objects(input, &touched(&[&new], input), What::default())?;
    let [before, after] = [Files::read(shared, &cluster.namespace)?, Files::read(new, &cluster.namespace)?];
    let mut kept = cluster.objects.clone();
    if let Some(prune) = prune {
        prune.apply(&mut kept, &after.read.objects);
    }
    let before = before.over(cluster.objects, &cluster.unread, input, &cluster.namespace);
    let after = after.over(kept, &cluster.unread, input, &cluster.namespace);
    Ok([before, announced(after, input)])
}

/// The manifests of `-f`, and what they lack, with what calls Services.
pub(super) fn load_with_cluster(files: Vec<File>, input: &Input, names: &[&str]) -> Result<Loaded> {
    let mut namespaces = touched(&[&files], input);
    namespaces.extend(names.iter().map(|name| (*name).to_owned()));
    let cluster = live::objects(input, &namespaces, What { exposures: true, ..What::default() })?;
    Ok(Files::read(files, &cluster.namespace)?.over(cluster.objects, &cluster.unread, input, &cluster.namespace))
}

/// Both sides of a comparison, and what they both lack: an object that one of them has was not there before, or will not be.
pub(super) fn load_both_with_cluster(base: Vec<File>, new: Vec<File>, input: &Input) -> Result<[Loaded; 2]> {
    let cluster = live::objects(input, &touched(&[&base, &new], input), What::default())?;
    let [before, after] = [Files::read(base, &cluster.namespace)?, Files::read(new, &cluster.namespace)?];
    let mut under = cluster.objects;
    {
        let known: HashSet<_> = before.read.objects.iter().chain(&after.read.objects).filter_map(identity).collect();
        under.retain(|object| identity(object).is_none_or(|identity| !known.contains(&identity)));
    }
    let before = before.over(under.clone(), &cluster.unread, input, &cluster.namespace);
    Ok([before, after.over(under, &cluster.unread, input, &cluster.namespace)])
}

/// The namespaces that files are in, as names begin: where not all of a cluster may be read, these are. What can't be read of the
/// files is told when they are read for good.
fn touched(all: &[&Vec<File>], input: &Input) -> Vec<String> {
    let namespace = input.namespace.as_deref().unwrap_or_default();
    let read = |files: &&Vec<File>| Files::read((*files).clone(), namespace).ok();
    let found: BTreeSet<String> =
        all.iter().filter_map(read).flat_map(|files| namespaces(&files.read.objects)).collect();
    found.into_iter().map(|namespace| namespace + "/").collect()
}

/// Files, and what is in them.
struct Files {
    sources: Sources,
    read: Read,
}

impl Files {
    fn read(files: Vec<File>, namespace: &str) -> Result<Self> {
        let sources = Sources::new(files);
        let read = decoded(&sources, namespace, true)?;
        Ok(Self { sources, read })
    }

    /// All of them over what there is.
    fn over(self, under: Vec<Object>, unread: &[netintent::unread::Unread], input: &Input, namespace: &str) -> Loaded {
        let Self { sources, read } = self;
        let shown = (input.with_cluster && !input.all_namespaces).then(|| namespaces(&read.objects));
        let kept = if input.with_cluster { under.clone() } else { Vec::new() };
        live::report_unread(&read.unread, input.verbose);
        let unread = unread.iter().chain(&read.unread).cloned().collect();
        let Manifests { mut objects, mut findings, .. } = laid_over(read, &sources, under);
        objects.unread = unread;
        let mut snapshot = Snapshot::new(objects, &Options { observed: false, ..options(input) });
        findings.append(&mut snapshot.findings);
        Loaded { snapshot, findings, sources, namespace: namespace.to_owned(), shown, under: kept }
    }
}

/// The namespaces that objects are in, or are.
fn namespaces(objects: &[Object]) -> BTreeSet<String> {
    let of = |object: &Object| {
        let (_, kind, metadata) = object.identity()?;
        Some(if kind == "Namespace" { metadata.name.clone() } else { metadata.namespace.clone() })
    };
    objects.iter().filter_map(of).filter(|namespace| !namespace.is_empty()).collect()
}

/// What makes an object the same as another.
type Identity<'o> = (&'o str, &'o str, &'o str, &'o str);

fn identity(object: &Object) -> Option<Identity<'_>> {
    let (group, kind, metadata) = object.identity()?;
    Some((group, kind, &metadata.namespace, &metadata.name))
}

impl Prune {
    /// Takes what goes out of the cluster, once `new` is applied: in the namespaces that it is in.
    fn apply(&self, cluster: &mut Vec<Object>, new: &[Object]) {
        let stays: HashSet<_> = new.iter().filter_map(identity).collect();
        let visited: HashSet<&str> = stays.iter().map(|(_, _, namespace, _)| *namespace).collect();
        let mut gone: HashSet<String> = HashSet::new();
        cluster.retain(|object| {
            let Some((group, kind, metadata)) = object.identity() else { return true };
            let here =
                if metadata.namespace.is_empty() { self.namespaces } else { visited.contains(&*metadata.namespace) };
            let goes = metadata.applied
                && here
                && self.takes(group, kind, metadata)
                && !stays.contains(&(group, kind, &*metadata.namespace, &*metadata.name));
            if goes && kind == "Namespace" {
                gone.insert(metadata.name.clone());
            }
            !goes
        });
        // With a Namespace goes what is in it.
        cluster.retain(|object| object.identity().is_none_or(|(_, _, metadata)| !gone.contains(&metadata.namespace)));
    }

    fn takes(&self, group: &str, kind: &str, metadata: &Metadata) -> bool {
        let is_workload =
            |kind: &str| matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job" | "CronJob");
        let of_kind = if self.kinds.is_empty() {
            group.is_empty() && (is_workload(kind) || PRUNED.contains(&kind))
        } else {
            // A workload is one of its kind, whatever its group.
            self.kinds.iter().any(|pruned| pruned.kind == kind && (is_workload(kind) || pruned.group == group))
        };
        of_kind && self.selector.as_ref().is_none_or(|selector| selector.matches(&metadata.labels))
    }
}
