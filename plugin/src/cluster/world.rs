//! All that is read of a cluster: every kind at once, and where not all of it is permitted, what is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::{join_all, try_join3};
use netintent::check::cilium;
use netintent::finding::Finding;
use netintent::manifest::Object;
use netintent::manifest::text::Node;
use netintent::unread::{Extent, Unread};

use super::kinds::{DISCOVERY, Discovery, Part, Resource, ServerVersion, endpoints, known};
use super::list::{Lists, Read, get};
use super::{Cluster, Failure};
use crate::error::Result;
use crate::printer;

/// After which time a read is long enough to say how far it is, and how often it is said then.
const LONG: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(200);

/// What is wanted of a cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// The namespaces that are read by themselves where not all may be.
    pub(crate) namespaces: BTreeSet<String>,
    /// Whether what calls Services and can carry no intent is read too.
    pub(crate) exposures: bool,
    /// Whether it is read where Services lead by addresses alone.
    pub(crate) endpoints: bool,
    /// Whether the objects are kept as they were read.
    pub(crate) nodes: bool,
}

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// The objects.
    pub(crate) objects: Vec<Object>,
    /// What could not be read.
    pub(crate) unread: Vec<Unread>,
    /// What was read with reservations.
    pub(crate) findings: Vec<Finding>,
    /// The objects as they were read, where that is wanted.
    pub(crate) nodes: Vec<Node>,
}

/// Reads a cluster.
///
/// # Errors
/// Where the API server can't be reached, or does not answer as it should. That something is not permitted is no error.
pub(crate) fn read(cluster: &Cluster, wanted: &Wanted) -> Result<World> {
    let lists = Lists { cluster, count: Arc::new(AtomicUsize::new(0)), nodes: wanted.nodes };
    let all = cluster.run(async {
        let reading = everything(&lists, wanted);
        tokio::pin!(reading);
        let mut wait = LONG;
        loop {
            tokio::select! {
                all = &mut reading => return all,
                () = tokio::time::sleep(wait) => {
                    printer::progress(&format!("reading the cluster: {} objects", lists.count.load(Ordering::Relaxed)));
                    wait = TICK;
                }
            }
        }
    });
    printer::progress("");
    let all = all.map_err(Failure::into_error)?;
    let mut world = World::default();
    if all.iter().any(|kind| kind.absent) {
        world.unread.push(Unread {
            group: "netintent.dev".to_owned(),
            kind: "Approval".into(),
            extent: Extent::AllBut(BTreeSet::new()),
            why: Unread::NOT_INSTALLED.to_owned(),
        });
    }
    for kind in all {
        world.unread.extend(kind.unread);
        world.unread.extend(kind.read.unread);
        world.objects.extend(kind.read.objects);
        world.findings.extend(kind.read.findings);
        world.nodes.extend(kind.read.nodes);
    }
    Ok(world)
}

/// What came of one kind.
#[derive(Default)]
struct OfKind {
    read: Read,
    /// Whether it is one of ours, and the API server does not know it.
    absent: bool,
    unread: Option<Unread>,
}

async fn everything(lists: &Lists<'_>, wanted: &Wanted) -> std::result::Result<Vec<OfKind>, Failure> {
    let mut known = known();
    known.extend(wanted.endpoints.then(endpoints));
    if wanted.nodes {
        // A part of an object can't stand in a file.
        known.iter_mut().filter(|kind| kind.part == Part::MetadataOfOwned).for_each(|kind| kind.part = Part::Whole);
    }
    let kinds = all(lists, wanted, known);
    let others = async {
        let discovery = match discovery(lists.cluster).await? {
            Ok(discovery) => discovery,
            Err(unread) => return Ok(vec![OfKind { unread: Some(unread), ..OfKind::default() }]),
        };
        let cilium = wanted.exposures && discovery.has_cilium();
        let others = discovery.others(wanted.exposures).ok_or(Failure::TooOld(None))?;
        let mut found = all(lists, wanted, others).await?;
        if cilium {
            found.push(cilium_configuration(lists.cluster).await?);
        }
        Ok(found)
    };
    let (mut all, others, ()) = try_join3(kinds, others, new_enough(lists.cluster)).await?;
    all.extend(others);
    Ok(all)
}

/// Insists on a version of Kubernetes that netintent is made for; who may not know it goes on without.
///
/// # Errors
/// Where it is older.
pub(crate) async fn new_enough(cluster: &Cluster) -> std::result::Result<(), Failure> {
    let Ok(text) = cluster.text(get("/version", "application/json")?).await else { return Ok(()) };
    match serde_json::from_str::<ServerVersion>(&text) {
        Ok(version) if version.is_too_old() => Err(Failure::TooOld(Some(version.git_version))),
        _ => Ok(()),
    }
}

/// Reads some kinds at once.
async fn all(
    lists: &Lists<'_>,
    wanted: &Wanted,
    resources: Vec<Resource>,
) -> std::result::Result<Vec<OfKind>, Failure> {
    join_all(resources.iter().map(|resource| of_kind(lists, wanted, resource))).await.into_iter().collect()
}

/// Which kinds there are; or that this can't be known.
async fn discovery(cluster: &Cluster) -> std::result::Result<std::result::Result<Discovery, Unread>, Failure> {
    let unread = |why: String| Unread {
        group: Unread::ANY_OTHER.to_owned(),
        kind: "policies of other APIs".into(),
        extent: Extent::AllBut(BTreeSet::new()),
        why,
    };
    let text = match cluster.text(get("/apis", DISCOVERY)?).await {
        Ok(text) => text,
        Err(Failure::Forbidden(why)) => return Ok(Err(unread(why))),
        Err(failure) => return Err(failure),
    };
    serde_json::from_str(&text).map(Ok).map_err(|error| Failure::Garbled(error.to_string()))
}

/// What Cilium's configuration says of labels.
async fn cilium_configuration(cluster: &Cluster) -> std::result::Result<OfKind, Failure> {
    let (namespace, name) = cilium::CONFIGURATION;
    let mut found = OfKind::default();
    match cluster.text(get(&format!("/api/v1/namespaces/{namespace}/configmaps/{name}"), "application/json")?).await {
        Ok(text) => {
            let map: serde_json::Value =
                serde_json::from_str(&text).map_err(|error| Failure::Garbled(error.to_string()))?;
            let labels = map["data"][cilium::LABELS].as_str().unwrap_or_default();
            found.read.findings.extend(cilium::check(labels));
        }
        Err(Failure::NotFound(_)) => {}
        Err(Failure::Forbidden(why)) => {
            let extent = Extent::One(namespace.to_owned(), name.to_owned());
            found.unread = Some(Unread { group: String::new(), kind: "ConfigMap".into(), extent, why });
        }
        Err(failure) => return Err(failure),
    }
    Ok(found)
}

async fn of_kind(lists: &Lists<'_>, wanted: &Wanted, resource: &Resource) -> std::result::Result<OfKind, Failure> {
    let why = match lists.list(resource, None).await {
        Ok(read) => return Ok(OfKind { read, ..OfKind::default() }),
        Err(Failure::NotFound(_)) => {
            // Without its definition nobody can have written one.
            return Ok(OfKind { absent: resource.is_ours(), ..OfKind::default() });
        }
        Err(Failure::Forbidden(why)) => why,
        Err(failure) => return Err(failure),
    };
    // Not everywhere; perhaps where it is needed.
    let mut read = Read::default();
    let mut there = BTreeSet::new();
    for namespace in &wanted.namespaces {
        let part = match (resource.namespaced, resource.kind.as_str()) {
            (true, _) => lists.list(resource, Some(namespace)).await.map(Some),
            (false, "Namespace") => lists.get(resource, "", namespace).await,
            (false, _) => break,
        };
        match part {
            Ok(part) => {
                there.insert(namespace.clone());
                read.append(part.unwrap_or_default());
            }
            Err(Failure::Forbidden(_)) => {}
            // Who may read all of a namespace is told there that there is no such kind.
            Err(Failure::NotFound(_)) if resource.is_ours() => {
                return Ok(OfKind { absent: true, ..OfKind::default() });
            }
            Err(failure) => return Err(failure),
        }
    }
    let extent = Extent::AllBut(there);
    let unread = Unread { group: resource.group.clone(), kind: resource.kind.clone().into(), extent, why };
    Ok(OfKind { read, unread: Some(unread), ..OfKind::default() })
}
