//! One creation of the whole cluster, on a control plane of its own, with netintent or without.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use netintent_tests::{Asked, Certificates, ControlPlane, Installation, Installed, Options, Reply, User};
use serde_json::Value;

use crate::Result;
use crate::creation::{Times, create, create_all};
use crate::objects::{Cluster, reserved};

/// What one round took.
#[derive(Debug, Default)]
pub(crate) struct Round {
    /// By what was created, in order: what that took, and how long the API server and etcd were on processors meanwhile.
    pub(crate) phases: Vec<(&'static str, Times, Duration)>,
    /// What netintent took.
    pub(crate) netintent: Option<Netintent>,
}

impl Round {
    /// Creates what must all be created.
    fn create<'o>(
        &mut self,
        what: &'static str,
        plane: &ControlPlane,
        admin: &User,
        objects: impl IntoIterator<Item = &'o Value>,
    ) -> Result<Vec<Reply>> {
        let replies = self.try_create(what, plane, admin, objects)?;
        match replies.iter().find(|reply| !reply.is_success()) {
            Some(reply) => Err(format!("not created: {}", reply.body).into()),
            None => Ok(replies),
        }
    }

    fn try_create<'o>(
        &mut self,
        what: &'static str,
        plane: &ControlPlane,
        admin: &User,
        objects: impl IntoIterator<Item = &'o Value>,
    ) -> Result<Vec<Reply>> {
        let began = plane.processor_time()?;
        let (times, replies) = create(admin, objects)?;
        self.phases.push((what, times, plane.processor_time()?.saturating_sub(began)));
        Ok(replies)
    }
}

/// What netintent took in one round.
#[derive(Debug, Default)]
pub(crate) struct Netintent {
    /// From the first Service's creation to the last policy.
    pub(crate) policies: Duration,
    /// The most memory of the replica that leads and of the one that does not, in bytes.
    pub(crate) memory: [u64; 2],
    /// How long each of them was on processors in its life.
    pub(crate) processors: [Duration; 2],
    /// What it asked the API server, and how often.
    pub(crate) calls: BTreeMap<String, usize>,
    /// What the API server asked it, by registration, while pods were created.
    pub(crate) questions: BTreeMap<String, u64>,
    /// How many labels the pods were created with.
    pub(crate) labels: usize,
}

/// Without netintent.
pub(crate) fn without(cluster: &Cluster) -> Result<Round> {
    let plane = ControlPlane::start_with(&Options::default())?;
    let admin = plane.administrator()?;
    let mut round = Round::default();
    create_all(&admin, &cluster.namespaces)?;
    round.create("Services", &plane, &admin, &cluster.services)?;
    round.create("ServiceAccounts", &plane, &admin, &cluster.accounts)?;
    round.create("workloads", &plane, &admin, cluster.workloads.iter().map(|(workload, _)| workload))?;
    round.create("ReplicaSets and Jobs", &plane, &admin, &cluster.owners)?;
    round.create("pods", &plane, &admin, cluster.pods.iter().map(|pod| &pod.object))?;
    Ok(round)
}

/// With netintent, two replicas of it; the installation goes on to be used.
pub(crate) fn with(cluster: &Cluster) -> Result<(Round, Installed)> {
    let installed = Installed::start_with(&Installation {
        replicas: 2,
        balanced: true,
        certificates: Certificates::Own,
        controllers: false,
        controller: true,
        audited: true,
        ..Installation::default()
    })?;
    let (admin, plane) = (installed.admin(), installed.plane());
    let mut round = Round::default();
    create_all(admin, &cluster.namespaces)?;
    round.create("approvals and prohibitions", plane, admin, &cluster.statements)?;
    // Those of the namespaces are there before the first Service: what is measured is what Services take.
    let of_namespaces = cluster.policies.iter().filter(|(_, name)| name == "netintent").count();
    installed.until("the namespaces have their policies", || {
        Ok((policies(&installed, cluster)?.len() == of_namespaces).then_some(()))
    })?;
    let first = Timestamp::now();
    round.create("Services", plane, admin, &cluster.services)?;
    round.create("ServiceAccounts", plane, admin, &cluster.accounts)?;
    let replies =
        round.try_create("workloads", plane, admin, cluster.workloads.iter().map(|(workload, _)| workload))?;
    decided(cluster, &replies)?;
    round.create("ReplicaSets and Jobs", plane, admin, &cluster.owners)?;
    // They are written meanwhile; the pods come after them, so that each time is of one thing.
    installed
        .until("all policies are there", || Ok((policies(&installed, cluster)? == cluster.policies).then_some(())))?;
    let asked = questions(&installed)?;
    let replies = round.create("pods", plane, admin, cluster.pods.iter().map(|pod| &pod.object))?;
    let labels = labelled(cluster, &replies)?;
    let mut questions = questions(&installed)?;
    questions.iter_mut().for_each(|(key, count)| *count -= asked.get(key).copied().unwrap_or_default());

    let calls = plane.requests()?;
    let last = calls.iter().filter(|call| call.verb == "create" && call.resource == "networkpolicies");
    let last: Timestamp = last.map(|call| call.at.as_str()).max().ok_or("no policy was made")?.parse()?;
    let leader = leads(&installed)?;
    let of = [&installed.replicas()[leader], &installed.replicas()[1 - leader]];
    round.netintent = Some(Netintent {
        policies: Duration::try_from(last.duration_since(first))?,
        memory: [of[0].peak_memory()?, of[1].peak_memory()?],
        processors: [of[0].processor_time()?, of[1].processor_time()?],
        calls: counted(&calls),
        questions,
        labels,
    });
    Ok((round, installed))
}

/// Workloads that declare what is refused must be denied, and all others created.
fn decided(cluster: &Cluster, replies: &[Reply]) -> Result {
    for ((workload, refused), reply) in cluster.workloads.iter().zip(replies) {
        let denied = !reply.is_success() && reply.message().contains("may not call");
        if denied != *refused || !denied && !reply.is_success() {
            return Err(format!("{}: {}", workload["metadata"]["name"], reply.body).into());
        }
    }
    Ok(())
}

/// Each pod must have been answered with the labels that the library derives; returns how many these are.
fn labelled(cluster: &Cluster, replies: &[Reply]) -> Result<usize> {
    let mut labels = 0;
    for (pod, reply) in cluster.pods.iter().zip(replies) {
        let has = reserved(&reply.body);
        if has != pod.labels {
            let name = &reply.body["metadata"]["name"];
            return Err(format!("{name} has {has:?}, and should have {:?}", pod.labels).into());
        }
        labels += has.len();
    }
    Ok(labels)
}

/// Which replica leads.
pub(crate) fn leads(installed: &Installed) -> Result<usize> {
    let leads = installed.until("one replica leads", || {
        Ok(installed.replicas().iter().position(|replica| {
            replica.observed("/metrics").is_some_and(|text| text.contains("\nnetintent_controller_leader 1\n"))
        }))
    })?;
    Ok(leads)
}

/// Namespace and name of the policies that are netintent's, in the namespaces of the cluster.
fn policies(
    installed: &Installed,
    cluster: &Cluster,
) -> std::result::Result<BTreeSet<(String, String)>, netintent_tests::Error> {
    let path = "/apis/networking.k8s.io/v1/networkpolicies?labelSelector=app.kubernetes.io/managed-by%3Dnetintent";
    let body = installed.admin().get(path)?.body;
    let text = |policy: &Value, key: &str| policy["metadata"][key].as_str().unwrap_or_default().to_owned();
    let all = body["items"].as_array().into_iter().flatten();
    let all = all.map(|policy| (text(policy, "namespace"), text(policy, "name")));
    let of_cluster = |name: &str| cluster.namespaces.iter().any(|namespace| namespace["metadata"]["name"] == name);
    Ok(all.filter(|(namespace, _)| of_cluster(namespace)).collect())
}

/// What both replicas were asked, by registration.
fn questions(installed: &Installed) -> Result<BTreeMap<String, u64>> {
    let mut all = BTreeMap::new();
    for replica in installed.replicas() {
        for ((registration, _), count) in replica.admissions()? {
            *all.entry(registration).or_default() += count;
        }
    }
    Ok(all)
}

/// Requests by what they are for.
pub(crate) fn counted<'a>(calls: impl IntoIterator<Item = &'a Asked>) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for call in calls {
        *all.entry(call.what()).or_default() += 1;
    }
    all
}
