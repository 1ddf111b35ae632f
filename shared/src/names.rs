//! The annotation and label keys that netintent owns, and the name rules of Kubernetes.
//!
//! The rules are those of `k8s.io/apimachinery/pkg/util/validation`.

/// Annotation on a pod template, Pod or ServiceAccount: the intents.
pub const CALLS: &str = "netintent.dev/calls";
/// Annotation on a pod template or Pod: the caller's name, in place of the controller's.
pub const CALLER: &str = "netintent.dev/caller";
/// Annotation on any object: findings about it that are meant so, a line `CODE: reason` each.
pub const ACCEPT: &str = "netintent.dev/accept";
/// Label on a Namespace or Service: `off`, `shadow` or `enforce`.
pub const MODE: &str = "netintent.dev/mode";
/// Label on a Service: its type, for intents of the form `@type`.
pub const TYPE: &str = "netintent.dev/type";
/// Annotation on a NetworkPolicy that we wrote: the name of the Service that it is of.
pub const SERVICE: &str = "netintent.dev/service";
/// Label on what a tool keeps in place, by Kubernetes' recommendation.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Its value on NetworkPolicies that we wrote.
pub const NETINTENT: &str = "netintent";
/// Annotation on a Service, by community convention: who owns it.
pub const OWNER: &str = "a8r.io/owner";
/// Annotation on a Service, by community convention: where its owner can be asked.
pub const CHAT: &str = "a8r.io/chat";
/// Annotation on an Approval that `approve` wrote in a git repository: who wrote it, by git's configuration.
pub const AUTHOR: &str = "netintent.dev/author";
/// The same: the commit that it was written on.
pub const COMMIT: &str = "netintent.dev/commit";
/// Labels that the API server gives the pods of a Job: its name.
pub const JOB_NAMES: [&str; 2] = ["batch.kubernetes.io/job-name", "job-name"];
/// Annotation on the API server's copy of a pod that a kubelet runs from a file.
pub const MIRROR: &str = "kubernetes.io/config.mirror";
/// The annotation that `kubectl apply` writes where it does not apply server-side.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Annotation on an Approval: who asked for what it says, written by the webhook alone.
pub const APPROVED_BY: &str = "netintent.dev/approved-by";
/// Annotation on an Approval: that, and why, it is meant to go though callers lose access.
pub const REVOKED: &str = "netintent.dev/revoked";
/// Annotation on a webhook configuration or NetworkPolicy: what `recover` has opened, since when and by whom.
pub const RECOVER: &str = "netintent.dev/recover";
/// Label that every Namespace has, with its own name as value.
pub const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";
/// The value of every derived label.
pub const ALLOWED: &str = "allowed";
/// Suffix of the prefix of derived label keys for Services, namespaces and the cluster.
pub const TO: &str = "to.netintent.dev";
/// Suffix of the prefix of derived label keys for types.
pub const BY_TYPE: &str = "type.netintent.dev";
/// The name part of a derived label key that stands for every port. A port's name has no dot.
pub const ALL_PORTS: &str = "all.ports";

/// Whether a label key belongs to the webhook alone: its prefix is, or ends at a dot in, `to.netintent.dev` or
/// `type.netintent.dev`.
pub fn is_reserved(label_key: &str) -> bool {
    let Some((prefix, _)) = label_key.rsplit_once('/') else { return false };
    [TO, BY_TYPE]
        .iter()
        .any(|suffix| prefix.strip_suffix(suffix).is_some_and(|head| head.is_empty() || head.ends_with('.')))
}

/// Whether a controller writes a label that differs from pod to pod, run to run or rollout to rollout.
pub fn is_of_one_pod(key: &str) -> bool {
    key.ends_with("template-hash")
        || key.starts_with("batch.kubernetes.io/")
        || [
            "apps.kubernetes.io/pod-index",
            "controller-revision-hash",
            "controller-uid",
            "job-name",
            "pod-template-generation",
            "statefulset.kubernetes.io/pod-name",
        ]
        .contains(&key)
}

/// RFC 1123 label: at most 63 of `[a-z0-9-]`, with an alphanumeric at both ends.
pub fn is_dns_label(text: &str) -> bool {
    text.len() <= 63 && is_label_shaped(text)
}

/// RFC 1123 subdomain: labels joined by dots, at most 253 characters (each label of any length, as Kubernetes has it).
pub fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label_shaped)
}

fn is_label_shaped(text: &str) -> bool {
    let alphanumeric = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = text.as_bytes();
    alphanumeric(bytes.first())
        && alphanumeric(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

/// What an object with this `generateName` is called from run to run: without trailing dashes.
pub fn stem(generate_name: &str) -> &str {
    generate_name.trim_end_matches('-')
}

/// Whether the API server made this name from that `generateName`: at most 58 characters of it, and five of its own (the
/// rule of `k8s.io/apiserver/pkg/storage/names`).
pub fn is_generated(name: &str, generate_name: &str) -> bool {
    let head = generate_name.get(..generate_name.len().min(58)).unwrap_or(generate_name);
    let own = |tail: &str| tail.len() == 5 && tail.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    !stem(generate_name).is_empty() && name.strip_prefix(head).is_some_and(own)
}

/// The name of a kind: letters and digits, a letter first.
pub fn is_kind(text: &str) -> bool {
    text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// IANA service name: at most 15 of `[a-z0-9-]`, at least one letter, no hyphen at an end or beside another.
pub fn is_port_name(text: &str) -> bool {
    text.len() <= 15 && is_label_shaped(text) && text.bytes().any(|b| b.is_ascii_lowercase()) && !text.contains("--")
}

/// Why `key` is no label or annotation key: an optional DNS subdomain and a slash, then at most 63 of
/// `[A-Za-z0-9._-]` with an alphanumeric at both ends.
///
/// # Errors
/// A sentence without a full stop that says what is wrong.
pub fn check_qualified_name(key: &str) -> Result<(), String> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if prefix.is_some_and(|p| !is_dns_subdomain(p)) {
        return Err(format!("the prefix of `{key}` is no DNS subdomain (lower-case letters, digits, `-` and `.`)"));
    }
    if name.is_empty() || name.len() > 63 {
        return Err(format!("the name part of `{key}` must have 1 to 63 characters, and has {}", name.len()));
    }
    if !is_token(name) {
        return Err(format!(
            "the name part of `{key}` must be letters, digits, `-`, `_` and `.`, with a letter or digit at both ends"
        ));
    }
    Ok(())
}

/// Why `value` is no label value: empty, or at most 63 of `[A-Za-z0-9._-]` with an alphanumeric at both ends.
///
/// # Errors
/// A sentence without a full stop that says what is wrong.
pub fn check_label_value(value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Ok(());
    }
    if value.len() > 63 {
        return Err(format!("a label's value has at most 63 characters, and this one has {}", value.len()));
    }
    if !is_token(value) {
        return Err(format!(
            "`{value}` is no label value: letters, digits, `-`, `_` and `.`, with a letter or digit at both ends"
        ));
    }
    Ok(())
}

fn is_token(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// A name as it stands in YAML: in quotes where it would be read as a number, a boolean or null.
pub fn yaml(name: &str) -> std::borrow::Cow<'_, str> {
    let words = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    if name.starts_with(|c: char| c.is_ascii_lowercase()) && !words.contains(&name) {
        return name.into();
    }
    format!("\"{name}\"").into()
}

/// `text` without control characters, for messages: what comes from objects must not reach a terminal as escapes.
pub fn printable(text: &str) -> String {
    // Almost every name is of such bytes, which need no look one by one.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    text.chars().map(printable_char).collect()
}

/// A blank in place of what steers a terminal, breaks the line, or turns the direction of the text around it, so that a
/// name could be shown as another.
pub fn printable_char(c: char) -> char {
    let breaks = matches!(c, '\u{2028}' | '\u{2029}');
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if c.is_control() || breaks || turns { ' ' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_generated_from_58_characters_at_most() {
        let long = "a".repeat(60) + "-";
        for (name, prefix, expected) in [
            ("web-x7k2p", "web-", true),
            ("web-x7k2p", "web", false),
            ("web-x7K2p", "web-", false),
            ("other", "web-", false),
            (&("a".repeat(58) + "x7k2p"), &long, true),
            ("-x7k2p", "-", false),
        ] {
            assert_eq!(is_generated(name, prefix), expected, "{name} {prefix}");
        }
        assert_eq!((stem("web-"), stem("web")), ("web", "web"));
    }

    #[test]
    fn reserved_at_a_dot_only() {
        for key in ["to.netintent.dev/x", "ledger.bank.to.netintent.dev/rpc", "b.type.netintent.dev/all.ports"] {
            assert!(is_reserved(key), "{key}");
        }
        for key in ["into.netintent.dev/x", "to.netintent.dev", "netintent.dev/mode", "to.netintent.dev.example/x"] {
            assert!(!is_reserved(key), "{key}");
        }
    }

    #[test]
    fn names_as_kubernetes_checks_them() {
        assert!(is_dns_label("a-1") && !is_dns_label("a.b") && !is_dns_label("-a") && !is_dns_label(&"a".repeat(64)));
        assert!(is_dns_subdomain("a.b-c") && !is_dns_subdomain("a..b") && !is_dns_subdomain("A"));
        assert!(is_port_name("http2") && !is_port_name("80") && !is_port_name("a--b"));
        assert!(!is_port_name("sixteen-letters-"), "hyphen at the end");
        assert!(is_port_name("fifteen-letters") && !is_port_name("sixteen-letterss"));
    }

    #[test]
    fn label_keys_and_values() {
        assert!(check_qualified_name("app.kubernetes.io/name").is_ok());
        assert!(check_qualified_name("App_x").is_ok());
        for bad in ["", "/a", "a/", "a/b/c", "A.b/c", "a b", "-a"] {
            assert!(check_qualified_name(bad).is_err(), "{bad}");
        }
        assert!(check_label_value("").is_ok() && check_label_value("A.b_c-1").is_ok());
        assert!(check_label_value("-a").is_err() && check_label_value(&"a".repeat(64)).is_err());
    }
}
