//! Snapshots from text, for unit tests.

use crate::list::{Filter, Party, list};
use crate::manifest::text::{documents, parse};
use crate::manifest::{collect, decode};
use crate::mode::ModeOverride;
use crate::objects::Objects;
use crate::snapshot::{Options, Snapshot};

/// The moment of every test.
pub(crate) const NOW: &str = "2027-01-01T00:00:00Z";

/// The objects of a manifest.
pub(crate) fn objects(text: &str) -> Objects {
    let mut all = Vec::new();
    for document in documents(text.as_bytes()).unwrap() {
        if let Some(node) = parse(&document).unwrap() {
            all.extend(decode(&node, 0, "default").unwrap_or_else(|e| panic!("{e} at {:?}", e.origin.span)).objects);
        }
    }
    collect(all, &|_| String::new(), &mut Vec::new())
}

/// The snapshot of a manifest, with modes such as `bank=enforce`.
pub(crate) fn snapshot(text: &str, modes: &[&str]) -> Snapshot {
    let modes: Vec<ModeOverride> = modes.iter().map(|m| m.parse().unwrap()).collect();
    let options = Options { modes, ..Options::at(NOW.parse().unwrap()) };
    Snapshot::new(objects(text), &options)
}

/// A Deployment in one line: `shop/web`, labels `app: web`, a port 8080 named http, with annotations.
pub(crate) fn deployment(namespace: &str, name: &str, calls: &str) -> String {
    let annotations = if calls.is_empty() {
        String::new()
    } else {
        format!("      annotations: {{netintent.dev/calls: \"{calls}\"}}\n")
    };
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{namespace: {namespace}, name: {name}}}\nspec:\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata:\n      labels: {{app: {name}}}\n{annotations}    spec:\n      containers:\n        - name: main\n          image: x\n          ports: [{{name: http, containerPort: 8080}}, {{name: metrics, containerPort: 9090}}]\n"
    )
}

/// The Service of such a Deployment: ports http (80) and metrics (9090).
pub(crate) fn service(namespace: &str, name: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{namespace: {namespace}, name: {name}}}\nspec:\n  selector: {{app: {name}}}\n  ports: [{{name: http, port: 80, targetPort: http}}, {{name: metrics, port: 9090}}]\n"
    )
}

/// An Approval.
pub(crate) fn approval(namespace: &str, callers: &str, callees: &str) -> String {
    format!(
        "---\napiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {{namespace: {namespace}, name: a}}\nspec:\n  callers: [\"{callers}\"]\n  callees: [\"{callees}\"]\n"
    )
}

/// Every connection between workloads as `a -> b: ports`.
pub(crate) fn edges(snapshot: &Snapshot, filter: &Filter) -> Vec<String> {
    let mut lines = Vec::new();
    list::<()>(snapshot, filter, &mut |c| {
        if let (Party::Workload(from), Party::Workload(to)) = (&c.source, &c.destination) {
            let part = if c.in_part.is_empty() { String::new() } else { format!(" (some {})", c.in_part) };
            lines.push(format!("{} -> {}: {}{part}", from.full_name(), to.full_name(), c.ports));
        }
        Ok(())
    })
    .unwrap();
    lines
}
