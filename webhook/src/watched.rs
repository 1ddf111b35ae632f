//! What is watched: which kinds, where the API server has them, and how much of each is asked for.

/// A kind that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Watched {
    /// Modes.
    Namespace,
    /// Intents of pods that nobody can annotate.
    ServiceAccount,
    /// Modes, ports, types and owners of callees.
    Service,
    /// What callees' owners have said.
    Approval,
    /// What the platform team has said.
    ClusterApproval,
    /// What it has forbidden.
    ClusterProhibition,
    /// Owners of pods whose labels do not tell.
    ReplicaSet,
    /// Owners of pods.
    Job,
    /// Which derived labels are in use.
    Pod,
}

impl Watched {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Namespace,
        Self::ServiceAccount,
        Self::Service,
        Self::Approval,
        Self::ClusterApproval,
        Self::ClusterProhibition,
        Self::ReplicaSet,
        Self::Job,
        Self::Pod,
    ];

    /// Its name.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Namespace => "Namespace",
            Self::ServiceAccount => "ServiceAccount",
            Self::Service => "Service",
            Self::Approval => "Approval",
            Self::ClusterApproval => "ClusterApproval",
            Self::ClusterProhibition => "ClusterProhibition",
            Self::ReplicaSet => "ReplicaSet",
            Self::Job => "Job",
            Self::Pod => "Pod",
        }
    }

    /// Its group and version, as objects have them.
    pub fn api_version(self) -> &'static str {
        match self {
            Self::Namespace | Self::ServiceAccount | Self::Service | Self::Pod => "v1",
            Self::Approval | Self::ClusterApproval | Self::ClusterProhibition => "netintent.dev/v1alpha1",
            Self::ReplicaSet => "apps/v1",
            Self::Job => "batch/v1",
        }
    }

    /// Where the API server has the objects: of all namespaces, or of one.
    pub fn path(self, namespace: Option<&str>) -> String {
        path(self.api_version(), self.kind(), namespace)
    }

    /// Whether metadata are all that is needed of it.
    pub fn is_metadata_only(self) -> bool {
        !matches!(self, Self::Service | Self::Approval | Self::ClusterApproval | Self::ClusterProhibition)
    }
}

/// Where the API server has the objects of a kind whose plural is regular.
pub(crate) fn path(api_version: &str, kind: &str, namespace: Option<&str>) -> String {
    let root = if api_version.contains('/') { "apis" } else { "api" };
    let plural = format!("{}s", kind.to_ascii_lowercase());
    match namespace {
        Some(namespace) => format!("/{root}/{api_version}/namespaces/{namespace}/{plural}"),
        None => format!("/{root}/{api_version}/{plural}"),
    }
}
