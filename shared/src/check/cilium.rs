//! Which labels Cilium tells pods apart by: a policy that selects on others matches nobody.

use crate::finding::{Code, Finding};

/// Where Cilium keeps its configuration: namespace and name of a `ConfigMap`.
pub const CONFIGURATION: (&str, &str) = ("kube-system", "cilium-config");
/// The key of it that says which labels count.
pub const LABELS: &str = "labels";

/// What there is to say of the labels that Cilium's configuration names: patterns, of which those with `!` leave out. As soon
/// as one of the others is there, what none of them names is left out too.
pub fn check(patterns: &str) -> Option<Finding> {
    let ours = |pattern: &&str| pattern.contains("netintent");
    let all = || patterns.split_whitespace();
    let left_out = all().filter_map(|pattern| pattern.strip_prefix('!')).any(|pattern| ours(&pattern));
    let mut named = all().filter(|pattern| !pattern.starts_with('!')).peekable();
    let unnamed =
        named.peek().is_some() && !named.any(|pattern| ours(&pattern) || pattern == ".*" || pattern == "k8s:.*");
    (left_out || unnamed).then(|| {
        let (namespace, name) = CONFIGURATION;
        let message = format!(
            "ConfigMap {namespace}/{name} names the labels that Cilium tells pods apart by, and not those of netintent"
        );
        Finding::new(Code::IgnoredLabels, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_leaves_our_labels_out_is_found() {
        for (patterns, found) in [
            ("", false),
            ("  \n", false),
            ("!job-name !k8s:pod-template-hash", false),
            ("k8s:app k8s:io.kubernetes.pod.namespace", true),
            (r"k8s:app k8s:.*netintent\.dev/.*", false),
            (".* !job-name", false),
            ("k8s:.*", false),
            (r"!k8s:.*\.netintent\.dev", true),
        ] {
            assert_eq!(check(patterns).is_some(), found, "{patterns}");
        }
    }
}
