//! The codes of findings: what each means, how much it matters, and what to do.
//!
//! Codes are an API: scripts ignore them and manifests accept them by name.

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing is wrong yet.
    Info,
    /// Probably not what was meant.
    Warning,
    /// Not what was meant: refused at admission, without effect, or cutting what should work.
    Error,
}

impl Severity {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Error];

    /// `info`, `warning` or `error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a code means.
#[derive(Clone, Copy, Debug)]
pub struct Meaning {
    /// How it is written.
    pub name: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// Whether every command warns of it, and not `check` alone: the answer depends on it.
    pub told: bool,
    /// What it is, in half a sentence.
    pub summary: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What to do about it.
    pub fix: &'static str,
}

macro_rules! codes {
    ($($(#[$attribute:meta])* $code:ident $name:literal $severity:ident $told:literal
        $summary:literal, $why:literal, $fix:literal;)*) => {
        /// What can be found.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $summary] $code,)*
        }

        impl Code {
            /// All of them, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            /// What it means.
            pub fn meaning(self) -> Meaning {
                match self {
                    $(Self::$code => Meaning {
                        name: $name,
                        severity: Severity::$severity,
                        told: $told,
                        summary: $summary,
                        why: $why,
                        fix: $fix,
                    },)*
                }
            }
        }
    };
}

codes! {
    MalformedIntent "malformed-intent" Error true
        "An item of `netintent.dev/calls` can't be read",
        "Admission rejects the workload. Until then the item counts as not declared.",
        "Write it as the message says: `service`, `namespace/service:port`, `namespace/*:port`, `*/*:port` or `@type:port`.";
    TooManyIntents "too-many-intents" Error true
        "A pod declares more than 256 intents or 16 KiB of them, its ServiceAccount's included",
        "None of them is read, and admission rejects the workload.",
        "Use wildcards such as `namespace/*:port` or `@type:port`.";
    MalformedCaller "malformed-caller" Error true
        "The value of `netintent.dev/caller` is no name",
        "The pod keeps the name of its controller, which the approvals may not mean.",
        "Write a name of lower-case letters, digits, `-` and `.`, without namespace.";
    MisplacedIntents "misplaced-intents" Warning false
        "`netintent.dev/calls` or `netintent.dev/caller` stands on a workload's own metadata",
        "Only the pod template and the ServiceAccount are read: here it has no effect.",
        "Move it to `spec.template.metadata.annotations` (of a CronJob `spec.jobTemplate.spec.template.metadata.annotations`).";
    UnknownCallee "unknown-callee" Warning false
        "An intent or an approval names a Service that does not exist",
        "An intent of it leads nowhere, and an approval of it would hold for whoever creates it.",
        "Correct the name, or add the manifest of the Service with `-f`.";
    UnknownPort "unknown-port" Warning true
        "An intent names a port that its Service does not have",
        "No policy will ever know the label that it gives.",
        "Name one of the Service's ports.";
    PortByNumber "port-by-number" Warning true
        "An intent names a port by its number though it has a name",
        "Ports with a name are known by it alone: the label that the number gives opens nothing.",
        "Write the port's name.";
    RefusedIntent "refused-intent" Error false
        "An intent that no approval covers, or that a prohibition forbids, both sides being in enforce",
        "Admission rejects the workload.",
        "Ask the callee's owner for the approval that the help names, or take the intent out.";
    UnapprovedIntent "unapproved-intent" Warning false
        "The same where one side is not yet in enforce",
        "Admission warns of it, and rejects the workload once both sides are in enforce.",
        "Ask the callee's owner for the approval that the help names, or take the intent out.";
    UnprotectedCallee "unprotected-callee" Info false
        "Intents name a Service that no mode protects",
        "Everybody may call it, declared or not.",
        "Put its namespace into `shadow`, then into `enforce`.";
    UnmanagedCaller "unmanaged-caller" Warning false
        "A caller in a namespace that is off declares what a Service in enforce will not let in",
        "Pods of an unmanaged namespace get no labels: what they declare is cut.",
        "Put the caller's namespace into `shadow`, or name it in the Approval's `from`.";
    UndeclaredConnection "undeclared-connection" Warning false
        "A connection to a Service in enforce is allowed by another policy, though its caller does not declare it",
        "The Service is open to more than its approvals say.",
        "Let the caller declare it and the callee approve it, then narrow the policy that allows it.";
    CutConnection "cut-connection" Error false
        "A connection is declared and approved, and cut by another policy",
        "The call will fail, whatever the approvals say.",
        "Let the policy that the message names allow it too.";
    UnusedApproval "unused-approval" Info false
        "An approval that no intent uses",
        "It grants more than is needed, to whoever declares it one day.",
        "Revoke it, or correct the name of its caller or callee.";
    ExpiredApproval "expired-approval" Warning false
        "An approval has expired",
        "It grants nothing any more. Pods that were created before lost their label with it.",
        "Remove it, or set a later `expiresAt`.";
    ExpiringApproval "expiring-approval" Info false
        "An approval expires within 30 days",
        "Its callers are cut at that moment.",
        "Set a later `expiresAt`, or take the intents out that use it.";
    InvalidPeer "invalid-peer" Error true
        "A peer under `from` of an approval is no NetworkPolicyPeer",
        "It is left out of the policy, so that whom it means is not let in.",
        "Write it as a NetworkPolicy would take it.";
    ProhibitedPeer "prohibited-peer" Error true
        "A peer under `from` of an approval may select a namespace that a prohibition names",
        "It is left out of the policy.",
        "Narrow its `namespaceSelector` by `kubernetes.io/metadata.name`.";
    PeerMayHoldPods "peer-may-hold-pods" Warning false
        "A block of addresses under `from` may hold pods",
        "Some CNIs match pods by address: every pod in the block would be let in, prohibitions notwithstanding.",
        "Name pods by `podSelector` and `namespaceSelector`, or leave their addresses out by `except`.";
    ProhibitedButAllowed "prohibited-but-allowed" Error false
        "A connection that a prohibition forbids is allowed by another policy, or by a Service's mode",
        "A prohibition beats approvals, not the policies of a callee's owner.",
        "Narrow the policy that the message names, or put the callee into `enforce`.";
    UnknownMode "unknown-mode" Error true
        "The value of `netintent.dev/mode` is none of off, shadow and enforce",
        "A Namespace is read as `off`, a Service in the mode of its namespace.",
        "Write off, shadow or enforce.";
    InvalidType "invalid-type" Warning false
        "The value of `netintent.dev/type` is no DNS label",
        "No intent by type can name the Service.",
        "Use at most 63 lower-case letters, digits and `-`.";
    MixedModes "mixed-modes" Error false
        "Two Services with different modes lead to the same pods",
        "The policy of the one in enforce cuts the callers of the other.",
        "Give both the same mode.";
    NamespaceKeptOpen "namespace-kept-open" Warning true
        "A namespace in enforce stays open since one of its Services has a weaker mode",
        "What no Service in enforce covers is open: pods without Service, and new Services.",
        "Put the Service into `enforce`; or, to protect some Services alone, the namespace into `shadow` and those into `enforce`.";
    NotEnforceable "not-enforceable" Warning true
        "Nothing can stand before a Service in enforce: it has no selector, no ports, or is an ExternalName",
        "NetworkPolicy selects pods by labels. Without selector nobody knows them; without ports nobody can call it.",
        "Give it a selector and ports, or take it out of `enforce`.";
    UncoveredPods "uncovered-pods" Info false
        "Pods of a namespace in enforce that no Service covers",
        "The namespace's own policy closes them, so that nobody can call them; with a weaker Service in the namespace they are open.",
        "Give them a Service, where they are called; where nothing calls them, accept this finding.";
    ExposedWithoutFrom "exposed-without-from" Warning false
        "A Service in enforce is called by what can carry no intent, and no `from` lets it in",
        "Load balancers, nodes, ingress controllers and the API server carry no label: their calls are cut.",
        "Name them under `from` of an Approval of this Service.";
    SharedPodPort "shared-pod-port" Warning false
        "Two Services lead to the same port of the same pods",
        "They are no boundary between each other: an approval of one opens both.",
        "Approve both alike, or give each its own pods or ports. A headless Service beside another is no boundary.";
    UnnamedContainerPort "unnamed-container-port" Info false
        "A container port of a protected Service's pods that no Service names",
        "Nobody can be approved for it: it is closed but to the Service's own pods.",
        "Add it to the Service if somebody calls it.";
    ServiceSelectsNothing "service-selects-nothing" Warning false
        "The selector of a Service matches no pod",
        "Calls of the Service lead nowhere.",
        "Correct the selector, or add the manifests of its pods with `-f`.";
    NoPods "no-pods" Info false
        "Policies or Services of a namespace of which no pod is in the input",
        "What their selectors match can't be told.",
        "Add the manifests of its workloads with `-f`.";
    PolicySelectsNothing "policy-selects-nothing" Warning false
        "The selector of a NetworkPolicy matches no pod",
        "It protects nothing.",
        "Correct the selector, or remove the policy.";
    PeerSelectsNothing "peer-selects-nothing" Warning false
        "A peer of a NetworkPolicy matches no pod",
        "It lets nobody in, or out: who was meant is cut.",
        "Correct the selector, or remove the peer.";
    IsolatesNamespace "isolates-namespace" Warning false
        "A NetworkPolicy with rules of its own selects every pod of its namespace",
        "Pods that no other policy allows anything are cut by it, which its rules do not show.",
        "Select the pods that it is about; for a default deny write a policy without rules.";
    HostNetwork "host-network" Info false
        "Pods use the network of their node",
        "Most CNIs do not police them: neither what calls them nor what they call is certain.",
        "Do without `hostNetwork` where the pods need no access to the node's network.";
    ReservedLabel "reserved-label" Error false
        "A label key that belongs to the webhook is written by hand",
        "Admission refuses it: only approvals give these labels.",
        "Take it out, declare the call in `netintent.dev/calls` and have it approved.";
    ForeignPolicy "foreign-policy" Info false
        "Policies of another API may change what NetworkPolicy alone decides",
        "Each verdict about the pods that they select is uncertain.",
        "Read the verdicts with this in mind: `list -o wide` shows where.";
    EditedPolicy "edited-policy" Error false
        "A NetworkPolicy with the name of one of ours differs from it",
        "It holds as it stands in the file; the controller would write the other one.",
        "Remove it from the manifests, or render it anew: `kubectl netintent render`.";
    MissingPolicy "missing-policy" Error false
        "A cluster lacks a NetworkPolicy that enforce gives a Service or namespace",
        "What it should protect is open.",
        "See that netintent's controller runs, which writes it within seconds; `kubectl netintent render` prints it.";
    LeftoverPolicy "leftover-policy" Warning false
        "A cluster has a NetworkPolicy of ours that no mode asks for any more",
        "It still cuts whoever it does not name.",
        "See that netintent's controller runs, which removes it within seconds, or remove it.";
    RecoverOpen "recover-open" Warning false
        "`recover` has opened something, and it is not undone yet",
        "More is let in than was approved: calls of a Service, or pods and workloads that nobody has judged.",
        "See that netintent's controller runs, which undoes it within seconds, or undo it: `kubectl netintent recover undo`.";
    UngrantedLabel "ungranted-label" Error false
        "A running pod carries a derived label that no approval gives it",
        "It is let in where nobody approved it: the label is forged, or left from an approval that is gone.",
        "See that netintent's controller runs, which takes it away within seconds.";
    UnlabelledPod "unlabelled-pod" Warning false
        "A running pod lacks a label that it was granted",
        "It is older than the approval or its namespace's mode, and is cut where it should be let in.",
        "See that netintent's controller runs, which gives it within seconds.";
    IgnoredLabels "ignored-labels" Error false
        "The configuration of Cilium leaves our labels out of the identity of pods",
        "Policies that select on them match nobody: whoever was approved is cut.",
        "Add `netintent.dev` to the `labels` of the ConfigMap `cilium-config`, and restart Cilium's agents.";
    DuplicateObject "duplicate-object" Warning true
        "The same object stands twice",
        "The later one replaces the earlier, as with `kubectl apply`.",
        "Remove one of the two.";
    OutdatedApiVersion "outdated-api-version" Error true
        "An API version that no API server serves any more",
        "The object can't be applied.",
        "Write the version that the message names.";
    OutdatedAnnotation "outdated-annotation" Warning false
        "An annotation that Kubernetes does not honour any more",
        "It has no effect, and what it once did is not done.",
        "Use the field that replaced it.";
    OutdatedNotation "outdated-notation" Warning true
        "An address, or the case of a field's name, that only older API servers take",
        "Newer servers refuse the object.",
        "Write it as the message says.";
    UnknownField "unknown-field" Info false
        "An object read from a cluster has a field that Kubernetes 1.36 does not have",
        "The server that stored it is newer, or older. What the field says is passed over.",
        "Use a newer netintent, if there is one.";
    IncompleteObject "incomplete-object" Info false
        "Something is not there that the API server asks for, and that decides no connection",
        "As it stands the object can't be applied; a patch may yet add what it lacks.",
        "Add it, where nothing else does.";
    UnknownNamespace "unknown-namespace" Warning true
        "The Namespace of some objects is not in the input",
        "Its mode and labels are not known: it is read as `off`, and as having none.",
        "Add its manifest with `-f`, or say its mode with `--mode`.";
    UnknownAcceptance "unknown-acceptance" Warning false
        "An acceptance that accepts nothing: no such code, no reason, or no such finding here",
        "What it was written for is gone, or was never accepted.",
        "Remove it, or correct its code; a reason is needed.";
}

impl Code {
    /// How it is written.
    pub fn as_str(self) -> &'static str {
        self.meaning().name
    }

    /// How much it matters.
    pub fn severity(self) -> Severity {
        self.meaning().severity
    }

    /// The code of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_name_of_its_own_and_says_what_to_do() {
        for code in Code::ALL {
            let meaning = code.meaning();
            assert_eq!(Code::parse(meaning.name), Some(*code));
            assert!(crate::names::is_dns_label(meaning.name), "{}", meaning.name);
            for text in [meaning.why, meaning.fix] {
                assert!(text.ends_with('.'), "{text}");
            }
            assert!(!meaning.summary.ends_with('.'), "{}", meaning.summary);
        }
    }
}
