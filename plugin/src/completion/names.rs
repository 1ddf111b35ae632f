//! The names that there are: in files, or in a cluster, of which no more is read than is asked for.

use std::time::Duration;

use netintent::snapshot::Snapshot;

use crate::cli::{Connection, Input};
use crate::cluster::{Cluster, names};
use crate::source;

/// How long somebody who waits for a completion waits for one answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where names are looked for.
#[derive(Default)]
pub(super) struct Home {
    /// The manifests, where the command takes any.
    pub(super) input: Option<Input>,
    /// Whom the cluster is asked as.
    pub(super) connection: Connection,
    /// The namespace of what names none.
    pub(super) namespace: Option<String>,
}

/// What gives names.
pub(super) struct Names {
    source: Source,
    /// The namespace of what names none.
    own: String,
}

enum Source {
    Files(Box<Snapshot>),
    Cluster(Box<Cluster>),
}

impl Names {
    /// Reads the manifests, or finds the cluster; nothing where that can't be done.
    pub(super) fn of(home: &Home) -> Option<Self> {
        let own = home.namespace.clone();
        if let Some(input) = home.input.as_ref().filter(|input| !input.files.is_empty() && !input.with_cluster) {
            // Standard input is the terminal of whoever types.
            if input.files.iter().any(|file| file == "-") {
                return None;
            }
            let loaded = source::load_for_check(input).ok()?;
            return Some(Self { source: Source::Files(Box::new(loaded.snapshot)), own: loaded.namespace });
        }
        let connection = Connection { request_timeout: Some(PATIENCE), ..home.connection.clone() };
        let cluster = Cluster::connect(&connection).ok()?;
        let own = own.unwrap_or_else(|| cluster.namespace().to_owned());
        Some(Self { source: Source::Cluster(Box::new(cluster)), own })
    }

    /// All namespaces.
    pub(super) fn namespaces(&self) -> Vec<String> {
        match &self.source {
            Source::Files(snapshot) => snapshot.namespaces.keys().cloned().collect(),
            Source::Cluster(cluster) => names::namespaces(cluster),
        }
    }

    /// What the name of a workload may become.
    pub(super) fn workloads(&self, current: &str) -> Vec<String> {
        self.within(current, |namespace| match &self.source {
            Source::Files(snapshot) => {
                let here = snapshot.workloads.iter().filter(|workload| workload.namespace == namespace);
                here.map(|workload| workload.name.clone()).collect()
            }
            Source::Cluster(cluster) => names::workloads(cluster, namespace),
        })
    }

    /// What the name of a Service may become.
    pub(super) fn services(&self, current: &str) -> Vec<String> {
        self.within(current, |namespace| match &self.source {
            Source::Files(snapshot) => {
                let here = snapshot.objects.services.iter().filter(|service| service.metadata.namespace == namespace);
                here.map(|service| service.metadata.name.clone()).collect()
            }
            Source::Cluster(cluster) => names::services(cluster, namespace),
        })
    }

    /// The same, or once a colon is there, its ports.
    pub(super) fn callees(&self, current: &str) -> Vec<String> {
        let Some((callee, _)) = current.rsplit_once(':') else { return self.services(current) };
        let (namespace, name) = callee.split_once('/').unwrap_or((&self.own, callee));
        let ports = match &self.source {
            Source::Files(snapshot) => {
                let service = snapshot.service(namespace, name).map(|at| &snapshot.objects.services[at]);
                let ports = service.into_iter().flat_map(|service| &service.ports);
                ports.map(|port| port.identifier().to_string()).collect()
            }
            Source::Cluster(cluster) => names::ports(cluster, namespace, name),
        };
        ports.into_iter().map(|port| format!("{callee}:{port}")).collect()
    }

    /// Names of the own namespace, and other namespaces; once there is one, names of that.
    fn within(&self, current: &str, of: impl Fn(&str) -> Vec<String>) -> Vec<String> {
        let mut found: Vec<String> = if let Some((namespace, _)) = current.split_once('/') {
            of(namespace).into_iter().map(|name| format!("{namespace}/{name}")).collect()
        } else {
            let others = self.namespaces().into_iter().map(|namespace| namespace + "/");
            of(&self.own).into_iter().chain(others).collect()
        };
        found.sort();
        found.dedup();
        found
    }
}
