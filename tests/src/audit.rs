//! What somebody has asked the API server for, as it writes that down itself.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::{Error, Scratch};

/// The file that it writes it to.
const LOG: &str = "audit.log";

/// A request that was answered, or that a watch was begun by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// Such as `get` or `watch`.
    pub verb: String,
    /// Such as `pods/status`; empty for what is no resource.
    pub resource: String,
    /// The namespace; empty for what is in none, or for all.
    pub namespace: String,
    /// The name; empty for a collection.
    pub name: String,
    /// When it came, in RFC 3339 with microseconds.
    pub at: String,
    /// The status of the answer.
    pub code: u64,
}

impl Asked {
    /// Whether it is one that netintent makes now and then whatever happens: a watch that is begun again, the Lease, and for
    /// its own authority.
    pub fn is_upkeep(&self) -> bool {
        let always = ["leases", "secrets", "mutatingwebhookconfigurations", "validatingwebhookconfigurations"];
        self.verb == "watch" || always.contains(&self.resource.as_str())
    }

    /// Whether it is for an Event: to write it, or to learn the uid of what it is about.
    pub fn tells(&self) -> bool {
        const ABOUT: [&str; 8] = [
            "approvals",
            "clusterapprovals",
            "clusterprohibitions",
            "cronjobs",
            "daemonsets",
            "deployments",
            "replicationcontrollers",
            "statefulsets",
        ];
        self.resource == "events" || self.verb == "get" && ABOUT.contains(&self.resource.as_str())
    }

    /// What it is for, such as `patch pods/status`.
    pub fn what(&self) -> String {
        format!("{} {}", self.verb, self.resource)
    }
}

/// The arguments by which an API server writes down what a user asks for, and nothing else.
pub(crate) fn args(scratch: &Scratch, user: &str) -> Result<Vec<String>, Error> {
    let policy = format!(
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\n\
         rules:\n- {{level: Metadata, users: ['{user}']}}\n- {{level: None}}\n"
    );
    let policy = scratch.file("audit-policy", policy)?;
    let log = scratch.path().join(LOG);
    Ok(vec![
        format!("--audit-policy-file={}", policy.display()),
        format!("--audit-log-path={}", log.display()),
        // In one file, whatever its size.
        "--audit-log-maxsize=1000".into(),
    ])
}

/// What was written down.
pub(crate) fn read(scratch: &Scratch) -> Result<Vec<Asked>, Error> {
    let path = scratch.path().join(LOG);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(&path).map_err(Error::path("read", &path))?;
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut all = Vec::new();
    // The last line may be in writing. A watch is there twice: when it began and when it ended.
    for event in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let field = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        if known.insert(field("/auditID").to_owned()) {
            all.push(asked(&event, field));
        }
    }
    Ok(all)
}

fn asked<'e>(event: &'e Value, field: impl Fn(&str) -> &'e str) -> Asked {
    let resource = [field("/objectRef/resource"), field("/objectRef/subresource")];
    Asked {
        verb: field("/verb").to_owned(),
        resource: resource.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/"),
        namespace: field("/objectRef/namespace").to_owned(),
        name: field("/objectRef/name").to_owned(),
        at: field("/requestReceivedTimestamp").to_owned(),
        code: event.pointer("/responseStatus/code").and_then(Value::as_u64).unwrap_or_default(),
    }
}
