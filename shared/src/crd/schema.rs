//! The schemas of the fields: what the API server refuses, so that it refuses what [`crate::manifest`] refuses.
//!
//! A pattern says what a text may be, for the API server and for every editor that knows the schema. A rule is there
//! for the commonest slips, since its message can say what to write, and for lengths, which a pattern can't add up.

use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use kube::core::Rule;
use schemars::{JsonSchema as _, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::approval::{MAX_ITEMS, MAX_REASON};

/// A DNS label: a namespace, a Service, a type.
const LABEL: &str = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";
/// A DNS subdomain, of any length: a caller's name.
const SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
/// A port's name, of any length: a DNS label that is not digits alone.
const PORT_NAME: &str = "[0-9]*[a-z]([-a-z0-9]*[a-z0-9])?|[0-9]+-[-a-z0-9]*[a-z0-9]";
/// 1 to 65535, without leading zeros.
const PORT_NUMBER: &str = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]";
/// RFC 3339 as Kubernetes writes it: `T` and `Z` in upper case, seconds to be given, at most nanoseconds.
const TIME: &str =
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[-+]([01][0-9]|2[0-3]):[0-5][0-9])$";

/// A namespace and a slash, then a name with dots.
const LONGEST_CALLER: usize = 63 + 1 + 253;
/// A namespace, a slash, a Service, a colon, a port's name.
const LONGEST_CALLEE: usize = 63 + 1 + 63 + 1 + 63;

/// `callers` of an Approval.
pub(super) fn callers_of_approval(_: &mut SchemaGenerator) -> Schema {
    let pattern = format!(r"^(\*/\*|(\.|{LABEL})/(\*|{SUBDOMAIN}))$");
    let said = "a caller needs its namespace: write `./name` for one of this namespace, else `namespace/name`";
    list(0, &text(&pattern, LONGEST_CALLER, &[("self.contains('/')", said), CALLER_LENGTH]))
}

/// `callers` of a ClusterApproval.
pub(super) fn callers(_: &mut SchemaGenerator) -> Schema {
    let pattern = format!(r"^(\*/\*|{LABEL}/(\*|{SUBDOMAIN}))$");
    list(0, &text(&pattern, LONGEST_CALLER, &[FULL_CALLER, CALLER_LENGTH]))
}

/// `callers` of a ClusterProhibition.
pub(super) fn callers_of_prohibition(_: &mut SchemaGenerator) -> Schema {
    let pattern = format!(r"^(\*|{LABEL})/\*$");
    let said =
        "a prohibition names whole namespaces, since names within one are its own to choose: write `namespace/*`";
    list(1, &text(&pattern, LONGEST_CALLER, &[("self.endsWith('/*')", said)]))
}

/// `callees` of an Approval.
pub(super) fn callees_of_approval(_: &mut SchemaGenerator) -> Schema {
    let pattern = format!(r"^(\*|{LABEL})(:({PORT_NAME}|{PORT_NUMBER}))?$");
    let said = "an Approval's callees are Services of its own namespace: write `service`, `service:port`, `*` or `*:port`; \
                a ClusterApproval can name others";
    let own = ("!self.contains('/') && !self.startsWith('@')", said);
    list(1, &text(&pattern, LONGEST_CALLEE, &[own, PORT_LENGTH]))
}

/// `callees` of a ClusterApproval or ClusterProhibition.
pub(super) fn callees(_: &mut SchemaGenerator) -> Schema {
    let pattern = format!(r"^(\*/\*|{LABEL}/(\*|{LABEL})|@{LABEL})(:({PORT_NAME}|{PORT_NUMBER}))?$");
    let said = "a callee needs its namespace here: write `namespace/service`, `namespace/*`, `*/*` or `@type`";
    let full = ("self.contains('/') || self.startsWith('@')", said);
    list(1, &text(&pattern, LONGEST_CALLEE, &[full, PORT_LENGTH]))
}

/// `reason`.
pub(super) fn reason(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": MAX_REASON})
}

/// `expiresAt`. The last year that four digits can write ends after the last [`jiff::Timestamp`].
pub(super) fn expires_at(_: &mut SchemaGenerator) -> Schema {
    let never =
        rule("self < timestamp('9999-01-01T00:00:00Z')", "leave `expiresAt` out where the approval never expires");
    json_schema!({"type": "string", "format": "date-time", "pattern": TIME, "x-kubernetes-validations": [never]})
}

/// `from`. A peer's own fields are checked only for their types, as [`crate::manifest`] does: one that is no peer is
/// left out of policies and told, never the whole Approval refused.
pub(super) fn from(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "maxItems": MAX_ITEMS, "items": NetworkPolicyPeer::json_schema(generator)})
}

/// The rule of a whole spec.
pub(super) fn callers_or_from() -> Rule {
    Rule::new("has(self.callers) && size(self.callers) > 0 || has(self.from) && size(self.from) > 0")
        .message("an approval needs at least one of `callers` or `from`")
}

const FULL_CALLER: (&str, &str) =
    ("self.contains('/') && !self.startsWith('./')", "a caller needs its namespace here: write `namespace/name`");
const CALLER_LENGTH: (&str, &str) =
    ("self.matches('^[^/]*(/.{0,253})?$')", "a caller's name has at most 253 characters");
const PORT_LENGTH: (&str, &str) = ("self.matches('^[^:]*(:.{0,63})?$')", "a port's name has at most 63 characters");

/// A list of `items`. How long it may be keeps the rules about its items within the API server's budget.
fn list(min: usize, items: &Value) -> Schema {
    let mut schema = json_schema!({"type": "array", "maxItems": MAX_ITEMS, "items": items});
    if min > 0 {
        schema.insert("minItems".to_owned(), json!(min));
    }
    schema
}

fn text(pattern: &str, longest: usize, rules: &[(&str, &str)]) -> Value {
    let rules: Vec<Value> = rules.iter().map(|(holds, message)| rule(holds, message)).collect();
    json!({"type": "string", "maxLength": longest, "pattern": pattern, "x-kubernetes-validations": rules})
}

fn rule(holds: &str, message: &str) -> Value {
    json!({"rule": holds, "message": message})
}
