//! `status`: whether netintent in the cluster is as it should be, and how much takes part.

mod certificate;
mod line;
mod registrations;
mod running;

use std::io::Write as _;
use std::mem::ManuallyDrop;

use jiff::Timestamp;
use netintent::check::check;
use netintent::finding::{Code, Finding};
use netintent::snapshot::Snapshot;
use netintent::tally::by_namespace;

use crate::cli::{self, Input};
use crate::cluster::Cluster;
use crate::cluster::status::Facts;
use crate::error::{Result, Status};
use crate::printer;
use crate::render::status::{OfNamespace, View};
use crate::source;
pub(crate) use line::{Line, State};

/// What is wrong where the controller has done what it should.
const LABELS: [Code; 2] = [Code::UngrantedLabel, Code::UnlabelledPod];
const POLICIES: [Code; 3] = [Code::MissingPolicy, Code::EditedPolicy, Code::LeftoverPolicy];
/// What no policy of netintent's covers, or not alone.
const NOT_COVERED: [Code; 6] = [
    Code::NotEnforceable,
    Code::UncoveredPods,
    Code::HostNetwork,
    Code::NamespaceKeptOpen,
    Code::MixedModes,
    Code::ForeignPolicy,
];

pub(super) fn run(args: &cli::Status) -> Result<Status> {
    let cluster = Cluster::connect(&args.connection)?;
    let probed = args.namespace.as_deref().unwrap_or(cluster.namespace()).to_owned();
    let facts = cluster.facts(&probed)?;
    let now = Timestamp::now();
    if registrations::is_absent(&facts) {
        let help = "kubectl netintent install prints the manifests; with --apply it applies them";
        let lines = vec![Line::bad("installed", "netintent is not installed in this cluster", help)];
        return print(
            args,
            &View { lines, versions: Vec::new(), namespaces: Vec::new(), not_covered: Vec::new(), unread: None },
        );
    }
    // The process ends with the answer: there is no use in tidying up before.
    let mut loaded = ManuallyDrop::new(source::load(&input(args), &[])?);
    let read = std::mem::take(&mut loaded.findings);
    let snapshot = &loaded.snapshot;
    let findings = check(snapshot, read);
    let mut lines = of_facts(&facts, now);
    lines.extend(of_findings(snapshot, &findings));
    let cut = running::would_be_cut(&facts);
    let namespaces = by_namespace(snapshot).into_iter().map(|(name, tally)| {
        let would_be_cut = cut.as_ref().map(|cut| cut.get(name).copied().unwrap_or(0));
        OfNamespace { name, tally, would_be_cut }
    });
    let view = View {
        lines,
        versions: running::versions(&facts),
        namespaces: namespaces.collect(),
        not_covered: not_covered(snapshot, &findings),
        unread: Some(snapshot),
    };
    print(args, &view)
}

/// Everything is read, whatever the namespace.
fn input(args: &cli::Status) -> Input {
    Input {
        files: Vec::new(),
        namespace: args.namespace.clone(),
        all_namespaces: true,
        modes: Vec::new(),
        pod_cidrs: Vec::new(),
        verbose: false,
        with_cluster: false,
        connection: args.connection.clone(),
    }
}

fn of_facts(facts: &Facts, now: Timestamp) -> Vec<Line> {
    let mut lines = vec![
        registrations::definitions(facts),
        registrations::configuration(facts, "MutatingWebhookConfiguration"),
        registrations::configuration(facts, "ValidatingWebhookConfiguration"),
        registrations::policies(facts),
        certificate::certificate(facts, now),
        running::deployment(facts),
        running::leader(facts, now),
        running::answers(facts),
    ];
    lines.extend(running::replicas(facts, now));
    lines
}

/// Whether the controller has done what it should, and every mode is one.
fn of_findings(snapshot: &Snapshot, findings: &[Finding]) -> Vec<Line> {
    let unread = |kinds: &[&str]| snapshot.objects.unread.iter().any(|unread| kinds.contains(&&*unread.kind));
    let of = |name: &'static str, codes: &[Code], kinds: &[&str], good: &str| {
        let wrong: Vec<&Finding> = findings.iter().filter(|finding| codes.contains(&finding.code)).collect();
        match wrong.first() {
            Some(_) if unread(kinds) => {
                let text = "not all of it could be read, so that what seems wrong may not be: kubectl netintent check shows it";
                Line::unknown(name, text)
            }
            Some(first) => {
                let more = if wrong.len() > 1 { format!(", and {} more", wrong.len() - 1) } else { String::new() };
                Line::bad(name, format!("{}{more}", first.message), first.advice())
            }
            None if unread(kinds) => Line::unknown(name, "not all of it could be read"),
            None => Line::good(name, good),
        }
    };
    let approvals = ["Namespace", "Pod", "ServiceAccount", "Approval", "ClusterApproval", "ClusterProhibition"];
    vec![
        of("modes", &[Code::UnknownMode], &["Namespace", "Service"], "every label of a mode names one"),
        of(
            "policies",
            &POLICIES,
            &["Namespace", "Service", "NetworkPolicy"],
            "what is in enforce has its policies, and nothing else has",
        ),
        of("labels", &LABELS, &approvals, "running pods have the labels that they are given, and no others"),
    ]
}

/// What is not covered: of pods only those whose namespace takes part.
fn not_covered(snapshot: &Snapshot, findings: &[Finding]) -> Vec<Finding> {
    let takes_part = |finding: &Finding| {
        let object = finding.object.as_ref();
        object.is_some_and(|object| snapshot.mode(&object.namespace).is_managed())
    };
    let is = |finding: &&Finding| {
        NOT_COVERED.contains(&finding.code) && (finding.code != Code::HostNetwork || takes_part(finding))
    };
    findings.iter().filter(is).cloned().collect()
}

fn print(args: &cli::Status, view: &View<'_>) -> Result<Status> {
    let text = args.format == cli::StatusFormat::Table;
    let mut out = printer::stdout_for_text(text);
    view.print(&mut out, args.format)?;
    out.flush()?;
    Ok(match view.ok() {
        Some(true) => Status::Yes,
        Some(false) => Status::No,
        None => Status::Trouble,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use netintent::manifest::text::{documents, parse};
    use serde_json::{Value, json};

    use crate::cluster::status::{Answer, Facts, Probe};

    /// A certificate authority that is valid until November 2036, as a `caBundle`.
    pub(super) const AUTHORITY: &str = concat!(
        "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJmVENDQVNPZ0F3SUJBZ0lVTUlETVNCZUxWT1FRZjJwalhkelRIUzhYSDlV",
        "d0NnWUlLb1pJemowRUF3SXcKRkRFU01CQUdBMVVFQXd3SmJtVjBhVzUwWlc1ME1CNFhEVEkyTVRFeU5qRXdORFkwT1ZvWERUTTJN",
        "VEV5TXpFdwpORFkwT1Zvd0ZERVNNQkFHQTFVRUF3d0pibVYwYVc1MFpXNTBNRmt3RXdZSEtvWkl6ajBDQVFZSUtvWkl6ajBECkFR",
        "Y0RRZ0FFcXdKK2o3TWlOMjUzdzV5aVQ0Znp1Ynd0dktKNFVDeTBhaFlaT2R2MGNBSmNYTzNmVm9mSmhTc04Ka2xjd1N4QWtIV0xZ",
        "Ym51ZFBsTGR0UTl2V2tMektLTlRNRkV3SFFZRFZSME9CQllFRk1YT1creFpOZzNLeHF1VApqMHlzN3FxN0I1TFBNQjhHQTFVZEl3",
        "UVlNQmFBRk1YT1creFpOZzNLeHF1VGoweXM3cXE3QjVMUE1BOEdBMVVkCkV3RUIvd1FGTUFNQkFmOHdDZ1lJS29aSXpqMEVBd0lE",
        "U0FBd1JRSWdkZnFJRmZNeWxvUjAwK3JtRkw0L0FOdkYKM01uVHdMVDZaZE85T2RDWjFsTUNJUUQ5K2JZQXZyU0dMVzdWQWdKU1Rs",
        "YlBzWkdoSy9abnJMdVIrVGZxeHJDYgpZQT09Ci0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K",
    );

    /// What a cluster says in which all is as it should be.
    pub(super) fn facts() -> Facts {
        let read = |text: &str| -> Vec<Value> {
            let documents = documents(text.as_bytes()).unwrap();
            documents.iter().filter_map(|d| parse(d).unwrap()).map(|n| serde_json::to_value(&n).unwrap()).collect()
        };
        let webhooks = read(include_str!("../../../manifests/base/webhooks.yaml"));
        let policies = read(include_str!("../../../manifests/base/policies.yaml"));
        let configuration = |kind: &str| {
            let mut found = webhooks.iter().find(|object| object["kind"] == kind).cloned().unwrap();
            for hook in found["webhooks"].as_array_mut().unwrap() {
                hook["clientConfig"]["caBundle"] = AUTHORITY.into();
                // The API server fills this in.
                hook["objectSelector"] = json!({});
            }
            Answer::Is(found)
        };
        let list = |kind: &str| {
            let items: Vec<&Value> = policies.iter().filter(|object| object["kind"] == kind).collect();
            Answer::Is(json!({"items": items}))
        };
        let definition = || Answer::Is(json!({"status": {"conditions": [{"type": "Established", "status": "True"}]}}));
        Facts {
            namespace: "netintent-system".to_owned(),
            definitions: vec![definition(), definition(), definition()],
            mutating: configuration("MutatingWebhookConfiguration"),
            validating: configuration("ValidatingWebhookConfiguration"),
            policies: list("ValidatingAdmissionPolicy"),
            bindings: list("ValidatingAdmissionPolicyBinding"),
            deployment: Answer::Is(json!({
                "spec": {"replicas": 2, "template": {"spec": {"containers": [{"image": "ghcr.io/netintent/netintent-webhook:v0.1.0"}]}}},
                "status": {"readyReplicas": 2, "updatedReplicas": 2}})),
            lease: Answer::Is(
                json!({"spec": {"holderIdentity": "netintent-1", "renewTime": "2026-11-26T12:00:00.000000Z"}}),
            ),
            pods: Answer::Is(json!({"items": []})),
            probe: Probe::Taken,
            probed: "default".to_owned(),
            replicas: Vec::new(),
        }
    }
}
