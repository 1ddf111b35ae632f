//! What `recover` has opened, and nobody has undone yet.

use jiff::Timestamp;

use crate::finding::{Code, Finding};
use crate::names;
use crate::recover::admission::{self, CONFIGURATION};
use crate::recover::{Opened, policy};
use crate::snapshot::Snapshot;

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let policies = snapshot.policies.iter().filter(|policy| !policy.generated).filter_map(|found| {
        let metadata = &found.policy.metadata;
        let service = policy::service(&metadata.name, &metadata.labels)?;
        let record = metadata.annotation(names::RECOVER).and_then(|text| policy::Record::parse(&text.value).ok());
        let when =
            record.map_or_else(String::new, |r| format!(" {}{}", until(r.until, snapshot.options.now), who(&r.opened)));
        let message = format!("everybody may call Service {}/{service}{when}", metadata.namespace);
        Some(Finding::new(Code::RecoverOpen, message).about("NetworkPolicy", metadata))
    });
    let configurations = snapshot.objects.exposures.iter().filter_map(|exposure| {
        let ours = exposure.kind.ends_with("WebhookConfiguration") && exposure.metadata.name == CONFIGURATION;
        let text = exposure.metadata.annotation(names::RECOVER).filter(|_| ours)?;
        let kind = &exposure.kind;
        let message = match admission::Record::parse(&text.value) {
            Ok(record) => {
                let entries: Vec<&str> = record.entries.keys().map(String::as_str).collect();
                let opened = who(&record.opened);
                format!("{kind} {CONFIGURATION} does not wait for the webhook in {}{opened}", entries.join(", "))
            }
            Err(error) => format!("{kind} {CONFIGURATION}: {error}"),
        };
        Some(Finding::new(Code::RecoverOpen, message).about(exposure.kind.clone(), &exposure.metadata))
    });
    policies.chain(configurations).collect()
}

fn until(until: Timestamp, now: Timestamp) -> String {
    if until > now { format!("until {until}") } else { format!("though that was to end at {until}") }
}

fn who(opened: &Opened) -> String {
    format!(", since {} by {}", opened.since, names::printable(&opened.by))
}

#[cfg(test)]
mod tests {
    use crate::check::check;
    use crate::finding::Code;
    use crate::testing::snapshot;

    #[test]
    fn what_is_open_is_named_with_its_end_and_who_did_it() {
        let policy = |name: &str, until: &str| {
            format!(
                "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  namespace: bank\n  name: {name}\n  \
                 labels: {{app.kubernetes.io/managed-by: netintent}}\n  annotations:\n    netintent.dev/recover: \
                 '{{\"since\": \"2026-12-31T23:00:00Z\", \"by\": \"jane\", \"until\": \"{until}\"}}'\nspec:\n  podSelector: \
                 {{}}\n"
            )
        };
        let hooks = "---\napiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata:\n  name: \
            netintent\n  annotations:\n    netintent.dev/recover: '{\"since\": \"2026-12-31T23:00:00Z\", \"by\": \"jane\", \
            \"entries\": {\"new.workloads.netintent.dev\": \"Fail\"}}'\n";
        let text = policy("netintent.recover.ledger", "2027-01-01T01:00:00Z")
            + &policy("netintent.recover.cards", "2026-12-31T23:30:00Z")
            + &policy("other", "2027-01-01T01:00:00Z")
            + hooks;
        let found = check(&snapshot(&text, &[]), Vec::new());
        let mut said: Vec<String> =
            found.into_iter().filter(|f| f.code == Code::RecoverOpen).map(|f| f.message).collect();
        said.sort();
        assert_eq!(
            said,
            [
                "ValidatingWebhookConfiguration netintent does not wait for the webhook in new.workloads.netintent.dev, since \
                 2026-12-31T23:00:00Z by jane",
                "everybody may call Service bank/cards though that was to end at 2026-12-31T23:30:00Z, since \
                 2026-12-31T23:00:00Z by jane",
                "everybody may call Service bank/ledger until 2027-01-01T01:00:00Z, since 2026-12-31T23:00:00Z by jane",
            ]
        );
    }
}
