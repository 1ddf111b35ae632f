//! Somebody who may do everything in one namespace, and nothing elsewhere, wants a label that no approval covers.
//!
//! Every attempt is made on a pod that is named after it, so that a label that is there in the end tells how it came there.
//! Whether an attempt is answered by a refusal or by a pod without the label is all one here: what is stored counts.

mod attempt;
mod beside;
mod control;
mod down;
mod identity;
mod keys;
mod later;
mod limits;
mod mode;
mod pods;
mod server;
mod templates;

use std::collections::BTreeSet;

use netintent_tests::{Installed, Reply, User};
use serde_json::{Value, json};

use crate::Result;
use crate::manifests::{approval, create, reserved, service, workload};
use attempt::Attempt;

/// What the API server may make a name of.
const GENERATED: &str = "create-generated-";

/// A user with a wildcard Role in one namespace, and a callee elsewhere that has approved one thing of two.
pub(crate) struct Hostile<'i> {
    pub(crate) installed: &'i Installed,
    pub(crate) user: User,
    pub(crate) namespace: String,
    pub(crate) bank: String,
}

impl<'i> Hostile<'i> {
    /// A namespace in a mode, its user, and the callee. The namespace elsewhere whose caller may do more does not exist:
    /// nobody needs to be there to be impersonated.
    pub(crate) fn new(installed: &'i Installed, namespace: &str, mode: &str) -> Result<Self> {
        Self::in_group(installed, namespace, mode, "hostile")
    }

    /// The same, with the user in this group.
    pub(crate) fn in_group(installed: &'i Installed, namespace: &str, mode: &str, group: &str) -> Result<Self> {
        let (namespace, bank) = (namespace.to_owned(), format!("{namespace}-bank"));
        installed.namespace(&namespace, mode)?;
        installed.namespace(&bank, "enforce")?;
        let admin = installed.admin();
        create(admin, &service(&bank, "ledger"))?;
        let everybody = format!("{namespace}/*");
        create(admin, &approval(&bank, "rpc", &[&everybody], &["ledger:rpc"]))?;
        create(admin, &approval(&bank, "admin", &["elsewhere/approved"], &["ledger:admin"]))?;
        let name = format!("{namespace}-user");
        let user = installed.plane().user(&name, group)?;
        let roles = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}");
        let all =
            json!({"metadata": {"name": "all"}, "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]});
        let binding = json!({"metadata": {"name": "all"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "all"},
            "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": name}]});
        for (plural, object) in [("roles", all), ("rolebindings", binding)] {
            let reply = admin.post(&format!("{roles}/{plural}"), &object)?;
            assert!(reply.is_success(), "{reply:?}");
        }
        let hostile = Self { installed, user, namespace, bank };
        installed.until("the Role holds", || Ok(hostile.user.get(&hostile.pods())?.is_success().then_some(())))?;
        Ok(hostile)
    }

    /// Where the API server has the pods.
    pub(crate) fn pods(&self) -> String {
        format!("/api/v1/namespaces/{}/pods", self.namespace)
    }

    /// The label that is wanted, and not approved: who calls the ledger's admin port is somebody else.
    pub(crate) fn wanted(&self) -> String {
        format!("ledger.{}.to.netintent.dev/admin", self.bank)
    }

    /// The label that is approved for everybody in the namespace.
    pub(crate) fn approved(&self) -> String {
        format!("ledger.{}.to.netintent.dev/rpc", self.bank)
    }

    /// A pod of the namespace without any reserved label, made by the administrator, for somebody to attack.
    pub(crate) fn victim(&self, name: &str) -> Result<Value> {
        // With a map of annotations, since a JSON patch adds to none that is not there.
        let mut pod = workload("Pod", &self.namespace, name, "");
        pod["metadata"]["annotations"] = json!({"of": "nobody"});
        create(self.installed.admin(), &pod)
    }

    /// The reserved labels of every pod, as they are stored.
    pub(crate) fn labels(&self) -> Result<Vec<(String, BTreeSet<String>)>> {
        let reply = self.installed.admin().get(&self.pods())?;
        let items = reply.body["items"].as_array().ok_or_else(|| format!("no list: {reply:?}"))?;
        let name = |pod: &Value| pod["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        Ok(items.iter().map(|pod| (name(pod), reserved(pod))).collect())
    }

    /// No pod has a label that is not approved.
    pub(crate) fn check(&self) -> Result {
        let approved = BTreeSet::from([self.approved() + "=allowed"]);
        for (pod, labels) in self.labels()? {
            assert!(labels.is_subset(&approved), "{}/{pod} has {labels:?}", self.namespace);
        }
        Ok(())
    }

    /// No pod has any reserved label.
    pub(crate) fn check_none(&self) -> Result {
        for (pod, labels) in self.labels()? {
            assert!(labels.is_empty(), "{}/{pod} has {labels:?}", self.namespace);
        }
        Ok(())
    }

    /// What is approved works: whoever refuses everything would pass all tests but this.
    pub(crate) fn check_approved(&self, name: &str) -> Result {
        let pod = create(&self.user, &workload("Pod", &self.namespace, name, &format!("{}/ledger:rpc", self.bank)))?;
        assert_eq!(reserved(&pod), BTreeSet::from([self.approved() + "=allowed"]), "{pod:#}");
        Ok(())
    }

    /// Makes all attempts, each on a pod of its own, one after the other. Returns those that gave a label.
    pub(crate) fn attempt(&self, attempts: &[Attempt]) -> Result<BTreeSet<String>> {
        let mut gave = BTreeSet::new();
        for attempt in attempts {
            if attempt.victim {
                self.victim(&attempt.name)?;
            }
            // Some pods do not live long: a garbage collector looks for their owners.
            if gained(&attempt.make(&self.user)?) {
                gave.insert(attempt.name.clone());
            }
        }
        gave.extend(self.labelled()?);
        Ok(gave)
    }

    /// Makes the pods that attempts are made on.
    pub(crate) fn victims(&self, attempts: &[Attempt]) -> Result {
        attempts.iter().filter(|attempt| attempt.victim).try_for_each(|attempt| self.victim(&attempt.name).map(drop))
    }

    /// Makes all attempts at once, where each takes as long as somebody's patience. Returns those that gave a label.
    pub(crate) fn attempt_at_once(&self, attempts: &[Attempt]) -> Result<BTreeSet<String>> {
        let mut gave: BTreeSet<String> = BTreeSet::new();
        std::thread::scope(|scope| {
            let make = |attempt| scope.spawn(move || (attempt, Attempt::make(attempt, &self.user)));
            for thread in attempts.iter().map(make).collect::<Vec<_>>() {
                let (attempt, reply) = thread.join().map_err(|_| "an attempt panicked")?;
                if gained(&reply?) {
                    gave.insert(attempt.name.clone());
                }
            }
            Ok::<_, Box<dyn std::error::Error>>(())
        })?;
        gave.extend(self.labelled()?);
        Ok(gave)
    }

    /// The attempts after which a pod is named that has a reserved label.
    fn labelled(&self) -> Result<BTreeSet<String>> {
        let labelled = self.labels()?.into_iter().filter(|(_, labels)| !labels.is_empty());
        let attempt =
            |name: String| if name.starts_with(GENERATED) { GENERATED.trim_end_matches('-').into() } else { name };
        Ok(labelled.map(|(name, _)| attempt(name)).collect())
    }
}

/// Whether a pod is answered that has a reserved label.
fn gained(reply: &Reply) -> bool {
    reply.is_success() && reply.body["kind"] == "Pod" && !reserved(&reply.body).is_empty()
}
