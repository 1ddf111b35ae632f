//! Whether the API server gets an answer from the webhook: the controller asks it for a label that nobody can have, in a dry
//! run, and the guard denies that in words of its own. What the API server says otherwise is no answer of the webhook.

use netintent::names;

use super::guard;
use crate::review::{Answer, ObjectView, Request};

/// A label that no approval stands for: the name of a port has no dot.
pub(crate) const KEY: &str = "to.netintent.dev/is.anybody.there";

/// What the guard says to it.
pub(crate) const ANSWER: &str = "the webhook of netintent answers";

/// Whether that is all that is asked. To whoever else asks it so the same is said, and nothing of it is kept.
pub(super) fn is_probe(request: &Request<'_, ObjectView<'_>>) -> bool {
    request.dry_run && guard::gained(request) == [(KEY, names::ALLOWED)]
}

/// What is answered, which counts as no refusal.
pub(super) fn answer() -> Answer {
    Answer { probed: true, ..Answer::denied(ANSWER) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::AdmissionReview;

    fn probes(dry_run: &str, labels: &str, old: &str) -> bool {
        let text = format!(
            r#"{{"request": {{"uid": "1", "operation": "UPDATE", "dryRun": {dry_run}, "object": {{"metadata": {{"labels": {labels}}}}},
            "oldObject": {{"metadata": {{"labels": {old}}}}}}}}}"#
        );
        let review: AdmissionReview<'_, ObjectView<'_>> = serde_json::from_str(&text).unwrap();
        is_probe(&review.request)
    }

    #[test]
    fn only_that_label_alone_in_a_dry_run_is_a_probe() {
        let key = r#"{"to.netintent.dev/is.anybody.there": "allowed"}"#;
        assert!(probes("true", key, "{}"));
        assert!(!probes("false", key, "{}"), "it would be kept");
        assert!(!probes("true", key, key), "nothing is gained");
        let more = r#"{"to.netintent.dev/is.anybody.there": "allowed", "to.netintent.dev/rpc": "allowed"}"#;
        assert!(!probes("true", more, "{}"), "there is more to it");
        assert!(!netintent::names::is_port_name("is.anybody.there"));
    }
}
