//! Synthetic clusters: manifests as large as a real organisation's, for benchmarks and tests of scale.
//!
//! Pure and deterministic: a [`Shape`] gives the same bytes on every machine. What an object looks like hangs on the
//! seed and the object's own number, never on what was drawn before it, so that a cluster and the same cluster with
//! [`Shape::change`] differ in the changed edges alone.

#![expect(clippy::similar_names, reason = "caller and callee are the words of the field")]

mod approvals;
mod cluster;
mod edges;
mod manifest;
mod names;
mod pod;
mod policies;
mod random;
mod roles;
#[cfg(test)]
mod tests;

/// The label `netintent.dev/mode` of every managed namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Every Service is enforced.
    Enforce,
    /// Every Service is reported on.
    Shadow,
    /// Labelled `off`.
    Off,
}

impl Mode {
    fn label(self) -> &'static str {
        match self {
            Mode::Enforce => "enforce",
            Mode::Shadow => "shadow",
            Mode::Off => "off",
        }
    }
}

/// What the cluster is to be like.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Services, each with one workload behind it. About a twelfth as many Jobs and `CronJobs` only call.
    pub services: usize,
    /// Pairs of a caller and a callee (with or without a port) that are declared, without wildcards. Clamped to what
    /// fits: 250 for each caller (8 for a Job), and no caller calls itself.
    pub intents: usize,
    /// Managed namespaces, at least one. The unmanaged `ingress-nginx` comes on top.
    pub namespaces: usize,
    /// Chooses among clusters of this shape.
    pub seed: u64,
    /// The mode of every managed namespace.
    pub mode: Mode,
    /// Share of the intents (0 to 1) that no approval covers, exact unless fewer intents hang on an approval of
    /// their own.
    pub unapproved: f64,
    /// Share of the intents (0 to 1) that differ from the cluster with `change: 0.0`: two fifths are removed, as many
    /// added, and the rest lose their approval. Their number stays the same.
    pub change: f64,
    /// How many files to spread the documents over evenly; `None`: one per namespace and `cluster.yaml`.
    pub files: Option<usize>,
}

impl Default for Shape {
    /// The bank of the design: 1,500 Services, 9,300 intents.
    fn default() -> Self {
        Shape {
            services: 1_500,
            intents: 9_300,
            namespaces: 40,
            seed: 1,
            mode: Mode::Enforce,
            unapproved: 0.01,
            change: 0.0,
            files: None,
        }
    }
}

/// A file of manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, without a directory.
    pub name: String,
    /// YAML documents, separated by `---`.
    pub text: String,
}

/// A YAML document and where it belongs: a namespace's number, or the cluster.
struct Document {
    namespace: Option<usize>,
    text: String,
}

/// The manifests of a cluster of this shape. The first file begins with a comment that counts what is in them.
pub fn synthesize(shape: &Shape) -> Vec<File> {
    let cluster = cluster::Cluster::plan(shape);
    let mut documents = approvals::of_cluster(&cluster);
    if let Some(first) = documents.first_mut() {
        first.text.insert_str(0, &cluster.summary());
    }
    documents.extend(manifest::ingress_controller());
    documents.extend(manifest::of_namespaces(&cluster, shape.mode));
    documents.extend(policies::of_namespaces(&cluster));
    documents.extend(approvals::of_namespaces(&cluster));
    // Stable: within a namespace the order stays as it was built.
    documents.sort_by_key(|document| document.namespace);
    match shape.files {
        Some(count) => evenly(&documents, count.max(1)),
        None => by_namespace(&documents, &cluster),
    }
}

fn by_namespace(documents: &[Document], cluster: &cluster::Cluster) -> Vec<File> {
    documents
        .chunk_by(|left, right| left.namespace == right.namespace)
        .map(|chunk| {
            let namespace = chunk.first().and_then(|document| document.namespace);
            let name = namespace.map_or("cluster", |namespace| cluster.namespace(namespace));
            File { name: format!("{name}.yaml"), text: join(chunk) }
        })
        .collect()
}

fn evenly(documents: &[Document], count: usize) -> Vec<File> {
    (0..count)
        .map(|file| {
            let (start, end) = (documents.len() * file / count, documents.len() * (file + 1) / count);
            File { name: format!("part-{file:04}.yaml"), text: join(&documents[start..end]) }
        })
        .collect()
}

fn join(documents: &[Document]) -> String {
    documents.iter().map(|document| document.text.as_str()).collect::<Vec<_>>().join("---\n")
}
