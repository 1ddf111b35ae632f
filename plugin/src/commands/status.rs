//! `status`: whether netintent in the cluster is as it should be, and how much takes part.

mod certificate;
mod compare;
mod line;
mod registrations;
mod running;
mod wrong;

use std::io::Write as _;
use std::mem::ManuallyDrop;

use netintent::check::check;
use netintent::finding::{Code, Finding};
use netintent::snapshot::Snapshot;
use netintent::tally::{Tallies, by_namespace};
use serde_json::Value;

use crate::cli::{self, Input};
use crate::cluster::Cluster;
use crate::cluster::status::{Answer, Facts};
use crate::error::{Result, Status};
use crate::printer;
use crate::release::command;
use crate::render::status::View;
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
    if registrations::is_absent(&facts) {
        let help = "kubectl netintent install prints the manifests; with --apply it applies them";
        let lines = vec![Line::bad("installed", "netintent is not installed in this cluster", help)];
        return print(
            args,
            &View { lines, versions: Vec::new(), tallies: Tallies::default(), not_covered: Vec::new(), unread: None },
        );
    }
    // The process ends with the answer: there is no use in tidying up before.
    let mut loaded = ManuallyDrop::new(source::load(&Input::live(&args.connection, args.namespace.as_deref()), &[])?);
    let read = std::mem::take(&mut loaded.findings);
    let snapshot = &loaded.snapshot;
    let findings = check(snapshot, read);
    let tallies = by_namespace(snapshot);
    let mut lines = of_facts(&facts);
    let command = again(&facts);
    for help in lines.iter_mut().filter_map(|line| line.help.as_mut()) {
        *help = help.replace(wrong::INSTALL, &command);
    }
    lines.extend(of_findings(snapshot, &findings));
    lines.extend(of_counts(&tallies));
    let view = View {
        lines,
        versions: running::versions(&facts),
        tallies,
        not_covered: not_covered(snapshot, &findings),
        unread: Some(snapshot),
    };
    print(args, &view)
}

/// What applies the manifests again as they were chosen.
fn again(facts: &Facts) -> String {
    let is = |answer: &Answer| if let Answer::Is(object) = answer { object.clone() } else { Value::Null };
    let by_cert_manager =
        |answer: &Answer| is(answer).pointer("/metadata/annotations/cert-manager.io~1inject-ca-from").is_some();
    let cert_manager = by_cert_manager(&facts.validating) || by_cert_manager(&facts.mutating);
    command(&is(&facts.deployment), &facts.namespace, cert_manager)
}

fn of_facts(facts: &Facts) -> Vec<Line> {
    let mut lines = vec![
        registrations::definitions(facts),
        registrations::configuration(facts, "MutatingWebhookConfiguration"),
        registrations::configuration(facts, "ValidatingWebhookConfiguration"),
        registrations::policies(facts),
        certificate::certificate(facts),
        running::deployment(facts),
        running::leader(facts),
        running::answers(facts),
    ];
    lines.extend(running::replicas(facts));
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
    let approvals = [
        "Namespace",
        "Pod",
        "ReplicaSet",
        "Job",
        "ServiceAccount",
        "Approval",
        "ClusterApproval",
        "ClusterProhibition",
    ];
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

/// Whose callers declare too much to be counted, which makes counts too small.
fn of_counts(tallies: &Tallies<'_>) -> Option<Line> {
    const MOST: usize = 5;
    let names: Vec<&str> = tallies.uncounted.iter().map(String::as_str).take(MOST).collect();
    let more = tallies.uncounted.len() - names.len();
    let more = if more > 0 { format!(" and {more} more namespaces") } else { String::new() };
    let text = "callers declare so much that not all of it was counted as not approved, or as cut, in";
    (!names.is_empty()).then(|| Line::told("counts", format!("{text} {}{more}", names.join(", "))))
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
    let text = args.output.format == cli::StatusFormat::Table;
    let mut out = printer::stdout_for_text(text);
    view.print(&mut out, args.output.format)?;
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
            now: "2026-11-26T12:00:10Z".parse().unwrap(),
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
            passes: false,
            replicas: Vec::new(),
        }
    }
}
