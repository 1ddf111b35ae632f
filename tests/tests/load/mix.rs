//! What is created: ten kinds of pods, one of each in ten creations, and what must come of each.

use std::collections::{BTreeMap, BTreeSet};

use netintent::manifest::text::{documents, parse};
use netintent::manifest::{collect, decode};
use netintent::snapshot::{Options, Snapshot};
use netintent_tests::Admissions;
use serde_json::{Value, json};

use crate::Result;

/// A kind of pods.
#[derive(Debug)]
pub(crate) struct Recipe {
    /// Its name, and the beginning of its pods' names.
    pub(crate) what: &'static str,
    /// Where: `S` enforces, `Y` is in shadow, `A` takes no part.
    namespace: &'static str,
    /// What it declares; `B` is the callees' namespace, `T` a type of theirs.
    calls: &'static str,
    /// Whose caller it is: its own name's, or that of all that are called `web`.
    caller: Caller,
    /// Whether it comes with a label that stands for an approval.
    forged: bool,
    /// What the client must be answered.
    pub(crate) expected: Expected,
    /// With which outcome `derive` is asked about it, and with which `guard`, by `manifests/base/webhooks.yaml`.
    asked: [Option<&'static str>; 2],
}

#[derive(Debug, PartialEq, Eq)]
enum Caller {
    Itself,
    Web,
    /// A ReplicaSet of the Deployment `web` controls it.
    Owned,
    /// Its ServiceAccount declares for it.
    Account,
}

/// What the client must be answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// It is created, with the labels that the library derives.
    Created,
    /// The same, with a warning that contains this.
    Warned(&'static str),
    /// It is denied by the webhook of this name, and the message contains these.
    Denied(&'static str, [&'static str; 2]),
}

use Caller::{Account, Itself, Owned, Web};
use Expected::{Created, Denied, Warned};

const fn recipe(what: &'static str, namespace: &'static str, caller: Caller, calls: &'static str) -> Recipe {
    Recipe { what, namespace, calls, caller, forged: false, expected: Created, asked: [None, None] }
}

/// Four labels, of each scope but the whole cluster.
const APPROVED: &str = "B/ledger:rpc, B/ledger:metrics\nB/*:admin, @T:rpc";
/// One that is approved and one that is not.
const HALF: &str = "B/ledger:rpc, B/vault:rpc";
const REFUSED: &str = "may not call B/vault:rpc: nobody has approved it";
/// `derive` gives labels, and `guard` is asked about what it gave. It is not called a second time, since nothing changes
/// the pod after it.
const LABELLED: [Option<&str>; 2] = [Some("patched"), Some("allowed")];

/// One of each in ten creations.
pub(crate) const RECIPES: [Recipe; 10] = [
    Recipe { asked: LABELLED, ..recipe("approved", "S", Web, APPROVED) },
    Recipe { asked: LABELLED, ..recipe("approved-in-shadow", "Y", Web, APPROVED) },
    // Not by the registration that may deny: by the one whose failure would leave the pod without its labels.
    Recipe { asked: LABELLED, ..recipe("declared-by-account", "S", Account, "") },
    Recipe { asked: [Some("allowed"), None], ..recipe("plain", "S", Itself, "") },
    Recipe {
        expected: Denied("new.derive.netintent.dev", ["S/NAME may not call B/vault:rpc", "nobody has approved it"]),
        asked: [Some("denied"), None],
        ..recipe("refused", "S", Itself, "B/vault:rpc")
    },
    Recipe { expected: Warned(REFUSED), asked: LABELLED, ..recipe("half-in-shadow", "Y", Web, HALF) },
    Recipe {
        expected: Denied("guard.netintent.dev", ["A/NAME may not have ledger.B.to.netintent.dev/rpc", "own"]),
        forged: true,
        asked: [None, Some("denied")],
        ..recipe("forged", "A", Itself, "")
    },
    Recipe { expected: Warned(REFUSED), asked: LABELLED, ..recipe("owned", "S", Owned, HALF) },
    // Taken off a pod that somebody makes by hand, so that there is nothing left to guard.
    Recipe {
        expected: Warned("it was taken away"),
        forged: true,
        asked: [Some("patched"), None],
        ..recipe("stripped", "S", Itself, "")
    },
    recipe("away", "A", Itself, ""),
];

/// The namespaces of one load, and what must come of its pods.
#[derive(Debug, Clone)]
pub(crate) struct Mix {
    prefix: String,
    /// By recipe.
    labels: Vec<BTreeSet<String>>,
}

impl Mix {
    /// In namespaces that begin with this.
    pub(crate) fn new(prefix: &str) -> Result<Self> {
        let mut mix = Self { prefix: prefix.to_owned(), labels: Vec::new() };
        let pods = (0..RECIPES.len()).map(|at| mix.pod(at, 0));
        let objects: Vec<Value> = mix.namespaces().into_iter().chain(mix.objects()).chain(pods).collect();
        let labels = offline(&objects)?;
        let of = |recipe: &Recipe| labels.get(&format!("{}-0", recipe.what)).cloned().unwrap_or_default();
        mix.labels = RECIPES.iter().map(of).collect();
        // What the library derives for nobody would be expected of a webhook that does nothing.
        let counts: Vec<usize> = mix.labels.iter().map(BTreeSet::len).collect();
        assert_eq!(counts, [4, 4, 1, 0, 0, 1, 0, 1, 0, 0], "{labels:?}");
        Ok(mix)
    }

    /// The names of the namespaces: the shop, one to try things in, the bank, and one that takes no part.
    pub(crate) fn names(&self) -> [String; 4] {
        ["shop", "try", "bank", "away"].map(|name| format!("{}-{name}", self.prefix))
    }

    /// The callees' namespace.
    pub(crate) fn bank(&self) -> String {
        format!("{}-bank", self.prefix)
    }

    /// A text of a recipe in this mix, about a pod of this name.
    pub(crate) fn text(&self, pattern: &str, pod: &str) -> String {
        let [shop, try_, bank, away] = self.names();
        let kind = format!("{}-type", self.prefix);
        let letter = |word: &str| match word {
            "S" => shop.clone(),
            "Y" => try_.clone(),
            "B" => bank.clone(),
            "A" => away.clone(),
            "T" => kind.clone(),
            "NAME" => pod.to_owned(),
            other => other.to_owned(),
        };
        let mut text = String::new();
        for part in pattern.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
            let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            text += &letter(word);
            text += &part[word.len()..];
        }
        text
    }

    fn namespaces(&self) -> Vec<Value> {
        let modes = self.modes();
        let one = |(name, mode): &(String, &str)| {
            json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "labels": {"netintent.dev/mode": mode}}})
        };
        modes.iter().map(one).collect()
    }

    /// The namespaces and their modes.
    pub(crate) fn modes(&self) -> Vec<(String, &'static str)> {
        self.names().into_iter().zip(["enforce", "shadow", "enforce", "off"]).collect()
    }

    /// What must be there before the first pod.
    pub(crate) fn objects(&self) -> Vec<Value> {
        let text = |pattern: &str| self.text(pattern, "");
        let service = |name: &str, labels: Value| {
            let ports = [("rpc", 80), ("metrics", 90), ("admin", 70)];
            let ports: Vec<Value> = ports.iter().map(|(name, port)| json!({"name": name, "port": port})).collect();
            json!({"apiVersion": "v1", "kind": "Service",
                "metadata": {"namespace": text("B"), "name": name, "labels": labels},
                "spec": {"selector": {"app": name}, "ports": ports}})
        };
        let api_version = "netintent.dev/v1alpha1";
        vec![
            service("ledger", json!({"netintent.dev/type": text("T")})),
            service("vault", json!({})),
            json!({"apiVersion": api_version, "kind": "Approval", "metadata": {"namespace": text("B"), "name": "web"},
                "spec": {"callers": [text("S/web"), text("Y/web")],
                    "callees": ["ledger:rpc", "ledger:metrics", "*:admin"]}}),
            json!({"apiVersion": api_version, "kind": "ClusterApproval", "metadata": {"name": self.prefix},
                "spec": {"callers": [text("S/*"), text("Y/*")], "callees": [text("@T:rpc")]}}),
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": text("S"),
                "name": "declares", "annotations": {"netintent.dev/calls": text("B/ledger:metrics")}}}),
            json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"namespace": text("S"), "name": "web-7c9d",
                    "labels": {"app": "web"}},
                "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}},
                    "template": {"metadata": {"labels": {"app": "web", "pod-template-hash": "7c9d"}},
                        "spec": {"containers": [{"name": "main", "image": "example.invalid/none"}]}}}}),
        ]
    }

    /// A pod of a recipe.
    pub(crate) fn pod(&self, recipe: usize, number: usize) -> Value {
        let Recipe { what, namespace, calls, caller, forged, .. } = &RECIPES[recipe];
        let name = format!("{what}-{number}");
        let mut metadata = json!({"namespace": self.text(namespace, ""), "name": name, "labels": {"app": "web"},
            "annotations": {"example.invalid/of": what}});
        if !calls.is_empty() {
            metadata["annotations"]["netintent.dev/calls"] = self.text(calls, "").into();
        }
        if matches!(caller, Web | Account) {
            metadata["annotations"]["netintent.dev/caller"] = "web".into();
        }
        if *caller == Owned {
            metadata["labels"]["pod-template-hash"] = "7c9d".into();
            metadata["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7c9d",
                "uid": "0c2c1c1e-0000-4000-8000-000000000000", "controller": true}]);
        }
        if *forged {
            metadata["labels"][self.text("ledger.B.to.netintent.dev/rpc", "")] = "allowed".into();
        }
        let account = if *caller == Account { "declares" } else { "default" };
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"serviceAccountName": account,
            "containers": [{"name": "main", "image": "example.invalid/none"}]}})
    }

    /// The labels of a recipe's pods.
    pub(crate) fn labels(&self, recipe: usize) -> &BTreeSet<String> {
        &self.labels[recipe]
    }
}

/// What the webhook must have been asked, and answered, for so many creations of each recipe.
pub(crate) fn implied(creations: &[u64]) -> Admissions {
    let mut all = Admissions::new();
    for (recipe, count) in RECIPES.iter().zip(creations).filter(|(_, count)| **count > 0) {
        for (registration, outcome) in ["derive", "guard"].into_iter().zip(recipe.asked) {
            if let Some(outcome) = outcome {
                *all.entry((registration.to_owned(), outcome.to_owned())).or_default() += count;
            }
        }
    }
    all
}

/// The reserved labels of an object.
pub(crate) fn reserved(object: &Value) -> BTreeSet<String> {
    let labels = object["metadata"]["labels"].as_object();
    let all = labels.into_iter().flatten().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
    all.filter(|label| netintent::names::is_reserved(label.split('=').next().unwrap_or_default())).collect()
}

/// The reserved labels that the library derives for each Pod, by its name.
fn offline(objects: &[Value]) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut all = Vec::new();
    for object in objects {
        let text = object.to_string();
        for document in documents(text.as_bytes()).map_err(|error| error.message)? {
            if let Some(node) = parse(&document).map_err(|error| error.message)? {
                all.extend(decode(&node, 0, "default").map_err(|error| error.message)?.objects);
            }
        }
    }
    let objects = collect(all, &|_| String::new(), &mut Vec::new());
    let snapshot = Snapshot::new(objects, &Options::at(jiff::Timestamp::now()));
    let labels = |pod: &netintent::snapshot::Pod| -> BTreeSet<String> {
        let all = pod.labels.iter().filter(|(key, _)| netintent::names::is_reserved(key));
        all.map(|(key, value)| format!("{key}={value}")).collect()
    };
    let name = |pod: &netintent::snapshot::Pod| snapshot.objects.workloads[pod.object].metadata.name.clone();
    // In a namespace that takes no part nothing is derived, and what is written there is the guard's.
    let managed = |pod: &&netintent::snapshot::Pod| {
        let namespace = &snapshot.objects.workloads[pod.object].metadata.namespace;
        snapshot.namespaces.get(namespace).is_some_and(|state| state.mode.is_managed())
    };
    Ok(snapshot.pods.iter().filter(managed).map(|pod| (name(pod), labels(pod))).collect())
}
