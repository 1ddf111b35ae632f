//! One attempt at a label: a request, and the pod that it is made on.

use http::Method;
use netintent_tests::{Error, Reply, User};
use serde_json::{Value, json};

use super::Hostile;
use crate::manifests::workload;

/// The kinds of patches, by the names that [`User::patch`] knows.
pub(crate) const PATCHES: [&str; 4] = ["json", "merge", "strategic-merge", "apply"];

/// A request that would give a pod a label.
pub(crate) struct Attempt {
    /// The name of the pod: what is tried, in words.
    pub(crate) name: String,
    /// Whether the pod is there before.
    pub(crate) victim: bool,
    /// Whether it would work if nobody prevented it.
    pub(crate) works: bool,
    method: Method,
    path: String,
    kind: String,
    body: Vec<u8>,
}

impl Attempt {
    /// Makes it. That it is refused is an answer like any other.
    ///
    /// What replaces a pod must have all that the pod has: it is the pod, with these metadata.
    pub(crate) fn make(&self, user: &User) -> Result<Reply, Error> {
        let mut body = self.body.clone();
        if self.method == Method::PUT {
            let mut pod = user.get(self.path.split('?').next().unwrap_or_default())?.body;
            let new: Value = serde_json::from_slice(&body).unwrap_or_default();
            for (key, value) in new["metadata"].as_object().into_iter().flatten() {
                pod["metadata"][key] = value.clone();
            }
            body = pod.to_string().into_bytes();
        }
        user.send(&self.method, &self.path, &self.kind, body)
    }

    /// The same as one that the API server ignores, whoever guards the labels.
    pub(crate) fn in_vain(self) -> Self {
        Self { works: false, ..self }
    }

    /// A pod is made.
    pub(crate) fn post(hostile: &Hostile<'_>, name: &str, pod: &Value) -> Self {
        Self {
            name: name.to_owned(),
            victim: false,
            works: true,
            method: Method::POST,
            path: hostile.pods(),
            kind: "application/json".to_owned(),
            body: pod.to_string().into_bytes(),
        }
    }

    /// Something is sent about a pod: `path` is below it.
    pub(crate) fn on(hostile: &Hostile<'_>, name: &str, method: Method, path: &str, kind: &str, body: &Value) -> Self {
        let attempt = Self::post(hostile, name, body);
        let path = format!("{}/{name}{path}", hostile.pods());
        Self { victim: true, method, path, kind: kind.to_owned(), ..attempt }
    }

    /// Something is sent to this path, whatever it is about.
    pub(crate) fn to(self, path: String) -> Self {
        Self { path, ..self }
    }

    /// The same in another form.
    pub(crate) fn written(self, kind: &str, body: Vec<u8>) -> Self {
        Self { kind: kind.to_owned(), body, ..self }
    }

    /// What is there is replaced.
    pub(crate) fn put(hostile: &Hostile<'_>, name: &str, path: &str, pod: &Value) -> Self {
        Self::on(hostile, name, Method::PUT, path, "application/json", pod)
    }

    /// What is there is patched, with a patch of this kind that gives these labels and annotations.
    pub(crate) fn patch(hostile: &Hostile<'_>, name: &str, path: &str, patch: &str, metadata: &Value) -> Self {
        let (kind, body) = patched(patch, metadata);
        let force = if patch == "apply" { "&force=true" } else { "" };
        Self::on(hostile, name, Method::PATCH, &format!("{path}?fieldManager=a{force}"), &kind, &body)
    }
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} {} as {})", self.name, self.method, self.path, self.kind)
    }
}

/// A patch of a Pod's metadata, and its content type.
fn patched(patch: &str, metadata: &Value) -> (String, Value) {
    let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata});
    match patch {
        "apply" => ("application/apply-patch+yaml".to_owned(), object),
        "json" => {
            let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
            let maps = metadata.as_object().into_iter().flatten();
            let add = |path: String, value: &Value| json!({"op": "add", "path": path, "value": value});
            let operations = maps.flat_map(|(field, value)| match value.as_object() {
                None => vec![add(format!("/metadata/{field}"), value)],
                Some(map) => {
                    let at = |key: &str| format!("/metadata/{field}/{}", escaped(key));
                    map.iter().map(|(key, value)| add(at(key), value)).collect()
                }
            });
            ("application/json-patch+json".to_owned(), operations.collect())
        }
        other => (format!("application/{other}-patch+json"), json!({"metadata": metadata})),
    }
}

/// A pod with these metadata besides its name.
pub(crate) fn pod(hostile: &Hostile<'_>, name: &str, metadata: &Value) -> Value {
    let mut pod = workload("Pod", &hostile.namespace, name, "");
    for (key, value) in metadata.as_object().into_iter().flatten() {
        pod["metadata"][key] = value.clone();
    }
    pod
}
