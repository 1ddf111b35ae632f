//! Changes at random of all that something hangs on, in namespaces of one sequence.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::history::Own;
use crate::objects::{approval, deployment, from_block, path, service};
use crate::{Error, Random, Reply, User};

/// What a namespace's mode may be.
const MODES: [&str; 4] = ["off", "shadow", "enforce", "enforce"];
const SERVICES: [&str; 2] = ["ledger", "cards"];
/// What of a namespace may be called.
const CALLEES: [&str; 6] = ["ledger:rpc", "ledger:rpc", "cards:rpc", "ledger", "*", "*:admin"];
const WORKLOADS: [&str; 2] = ["web", "api"];

/// How much came of the changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Made {
    /// What was asked for.
    pub asked: usize,
    /// What of it was done. The rest was refused, or had nothing to change.
    pub done: usize,
}

/// Makes changes; many threads may.
#[derive(Debug)]
pub struct Changes {
    user: User,
    namespaces: [String; 3],
    own: Mutex<Own>,
    made: Mutex<Made>,
}

impl Changes {
    /// Changes of what is in three namespaces whose names begin with `scope`.
    pub fn new(user: User, scope: &str) -> Self {
        let namespaces = ["shop", "bank", "desk"].map(|name| format!("{scope}{name}"));
        Self { user, namespaces, own: Mutex::default(), made: Mutex::default() }
    }

    /// The namespaces, each with the mode that it has at first.
    pub fn namespaces(&self) -> [(&str, &'static str); 3] {
        let [shop, bank, desk] = &self.namespaces;
        [(shop, "shadow"), (bank, "enforce"), (desk, "off")]
    }

    /// What was done to policies, which is not netintent's doing.
    pub fn own(&self) -> Own {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How much came of the changes until now.
    pub fn made(&self) -> Made {
        *self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What every sequence begins with: in each namespace something that calls, and something that is called and has
    /// approved it.
    ///
    /// # Errors
    ///
    /// If the API server does not answer.
    pub fn begin(&self) -> Result<(), Error> {
        let bank = &self.namespaces[1];
        for namespace in &self.namespaces {
            let approval = approval(namespace, "all", &["*/*"], &["ledger:rpc"]);
            self.count(&self.user.post(&path("Approval", namespace), &approval)?);
            for name in SERVICES {
                self.count(&self.user.post(&path("Service", namespace), &service(namespace, name))?);
            }
            for name in WORKLOADS {
                let object = deployment(namespace, name, &format!("{bank}/ledger:rpc\n{namespace}/ledger:rpc"));
                self.count(&self.user.post(&path("Deployment", namespace), &object)?);
            }
        }
        Ok(())
    }

    /// Removes what is in no namespace, and asks for the namespaces to be removed.
    ///
    /// # Errors
    ///
    /// If the API server does not answer.
    pub fn end(&self) -> Result<(), Error> {
        for name in &self.namespaces {
            self.user.delete(&at("Namespace", "", name))?;
        }
        for kind in ["ClusterApproval", "ClusterProhibition"] {
            for name in &self.namespaces {
                self.merge(kind, "", name, &json!({"metadata": {"annotations": {"netintent.dev/revoked": "x"}}}))?;
                self.user.delete(&at(kind, "", name))?;
            }
        }
        Ok(())
    }

    fn count(&self, reply: &Reply) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.asked += 1;
        made.done += usize::from(reply.is_success());
    }

    fn merge(&self, kind: &str, namespace: &str, name: &str, patch: &Value) -> Result<Reply, Error> {
        self.user.patch(&at(kind, namespace, name), "merge", patch)
    }

    /// Creates an object, or, where there is one of the name, deletes that.
    fn toggle(&self, kind: &str, namespace: &str, object: &Value) -> Result<Reply, Error> {
        let reply = self.user.post(&path(kind, namespace), object)?;
        if reply.status != 409 {
            return Ok(reply);
        }
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        if kind.ends_with("Approval") {
            let revoked = json!({"metadata": {"annotations": {"netintent.dev/revoked": "x"}}});
            self.merge(kind, namespace, name, &revoked)?;
        }
        self.user.delete(&format!("{}?propagationPolicy=Background", at(kind, namespace, name)))
    }

    /// Does something, which may well be refused.
    ///
    /// # Errors
    ///
    /// If the API server does not answer.
    pub fn change(&self, random: &mut Random) -> Result<(), Error> {
        let names = self.namespaces.each_ref();
        let (here, there) = (random.of(&names).as_str(), random.of(&names).as_str());
        let reply = match random.below(20) {
            0 | 1 => self.merge("Namespace", "", here, &mode(random.of(&MODES)))?,
            2..=4 => self.service(random, here)?,
            5..=8 => self.toggle("Approval", here, &self.approval(random, here))?,
            9 => {
                let calls = calls(random, there);
                self.merge("ServiceAccount", here, "default", &declares(&calls))?
            }
            10 => self.toggle("ClusterProhibition", "", &prohibition(random, here, there))?,
            11 => self.toggle("ClusterApproval", "", &cluster_approval(random, here, there))?,
            12 | 13 => {
                let calls = calls(random, there);
                self.toggle("Deployment", here, &deployment(here, random.of(&WORKLOADS), &calls))?
            }
            14 => {
                let calls = calls(random, there);
                let patch = json!({"spec": {"template": declares(&calls), "replicas": random.below(3)}});
                self.merge("Deployment", here, random.of(&WORKLOADS), &patch)?
            }
            15 => {
                let mut pod = deployment(here, "bare", &calls(random, there))["spec"]["template"].take();
                pod["metadata"]["name"] = "bare".into();
                self.toggle("Pod", here, &pod)?
            }
            16 | 17 => self.forge(random, here, there)?,
            _ => self.spoil(random, here)?,
        };
        self.count(&reply);
        Ok(())
    }

    fn service(&self, random: &mut Random, here: &str) -> Result<Reply, Error> {
        let name = random.of(&SERVICES);
        let patch = match random.below(5) {
            0 => return self.toggle("Service", here, &service(here, name)),
            1 => mode(random.of(&["off", "enforce", "none"])),
            2 => json!({"metadata": {"labels": {"netintent.dev/type": random.of(&[Some("backend"), None])}}}),
            3 => json!({"spec": {"selector": {"app": random.of(&["ledger", "web"])}}}),
            _ => json!({"spec": {"ports": [{"name": "rpc", "port": 80, "targetPort": random.of(&[80, 8080])}]}}),
        };
        let reply = self.merge("Service", here, name, &patch)?;
        if reply.status == 404 { self.toggle("Service", here, &service(here, name)) } else { Ok(reply) }
    }

    fn approval(&self, random: &mut Random, here: &str) -> Value {
        let [shop, bank, desk] = &self.namespaces;
        let callers = match random.below(8) {
            0 => format!("{shop}/web"),
            1 => format!("{bank}/web"),
            2 => format!("{desk}/*"),
            3 => format!("{shop}/*"),
            _ => "*/*".to_owned(),
        };
        let name = random.of(&["ledger", "cards", "all"]);
        let callees = [random.of(&CALLEES), random.of(&["ledger:rpc", "cards:rpc", "*"])];
        let mut object = approval(here, name, &[&callers], &callees);
        if random.below(4) == 0 {
            object["spec"]["from"] = from_block("10.0.0.0/8");
        }
        if random.below(4) == 0 {
            let seconds = i64::try_from(random.below(6)).unwrap_or_default() + 1;
            object["spec"]["expiresAt"] =
                format!("{:.0}", Timestamp::now() + SignedDuration::from_secs(seconds)).into();
        }
        object
    }

    /// Tries to give a running pod a label, which is refused unless it has a right to it.
    fn forge(&self, random: &mut Random, here: &str, there: &str) -> Result<Reply, Error> {
        let reply = self.user.get(&path("Pod", here))?;
        let pods: Vec<&Value> = reply.body["items"].as_array().into_iter().flatten().collect();
        if pods.is_empty() {
            return Ok(reply);
        }
        let name = random.of(&pods)["metadata"]["name"].as_str().unwrap_or_default();
        let key = format!("{}.{there}.to.netintent.dev/rpc", random.of(&SERVICES));
        let patch = json!({"metadata": {"labels": {key: "allowed"}}});
        let status = if random.below(2) == 0 { "/status" } else { "" };
        self.user.patch(&format!("{}{status}", at("Pod", here, name)), "merge", &patch)
    }

    /// Opens or deletes a policy by hand.
    fn spoil(&self, random: &mut Random, here: &str) -> Result<Reply, Error> {
        let name = random.of(&["netintent", "netintent-ledger", "netintent-cards"]);
        let lock = || self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if random.below(3) > 0 {
            let reply = self.merge("NetworkPolicy", here, name, &json!({"spec": {"ingress": [{}]}}))?;
            let version = reply.body["metadata"]["resourceVersion"].as_str();
            let version: Option<u64> = version.and_then(|text| text.parse().ok());
            lock().versions.extend(version);
            return Ok(reply);
        }
        let reply = self.user.delete(&at("NetworkPolicy", here, name))?;
        lock().deleted.extend(reply.body["details"]["uid"].as_str().map(str::to_owned));
        Ok(reply)
    }
}

fn at(kind: &str, namespace: &str, name: &str) -> String {
    format!("{}/{name}", path(kind, namespace))
}

fn mode(mode: &str) -> Value {
    json!({"metadata": {"labels": {"netintent.dev/mode": mode}}})
}

fn declares(calls: &str) -> Value {
    json!({"metadata": {"annotations": {"netintent.dev/calls": calls}}})
}

/// What somebody declares to call.
fn calls(random: &mut Random, there: &str) -> String {
    let one = |random: &mut Random| match random.below(8) {
        0 => "*/*:admin".to_owned(),
        1 => "@backend:rpc".to_owned(),
        _ => format!("{there}/{}", random.of(&CALLEES)),
    };
    (0..=random.below(3)).map(|_| one(random)).collect::<Vec<_>>().join("\n")
}

/// Callers keep it to the sequence: it may name callees of all namespaces.
fn cluster_approval(random: &mut Random, here: &str, there: &str) -> Value {
    let callee = match random.below(4) {
        0 => "*/*:admin".to_owned(),
        1 => "@backend:rpc".to_owned(),
        2 => format!("{there}/*"),
        _ => format!("{there}/ledger:rpc"),
    };
    json!({"apiVersion": "netintent.dev/v1alpha1", "kind": "ClusterApproval", "metadata": {"name": here},
        "spec": {"callers": [format!("{here}/*")], "callees": [callee]}})
}

fn prohibition(random: &mut Random, here: &str, there: &str) -> Value {
    let callee = format!("{there}/{}", random.of(&["ledger", "ledger:rpc", "*"]));
    json!({"apiVersion": "netintent.dev/v1alpha1", "kind": "ClusterProhibition", "metadata": {"name": here},
        "spec": {"callers": [format!("{here}/*")], "callees": [callee]}})
}
