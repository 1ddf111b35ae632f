//! Approvals and prohibitions, of a namespace or the cluster, checked as their schema checks them.

use jiff::Timestamp;

use super::ManifestError;
use super::metadata::{cluster_scoped, namespaced};
use super::read::{Context, head};
use super::text::Node;
use crate::approval::{Approval, FromPeer, MAX_ITEMS, MAX_REASON, Prohibition};
use crate::callee::{CalleePattern, PatternError};
use crate::caller::CallerPattern;
use crate::names::printable;

type Result<T> = std::result::Result<T, ManifestError>;

const API_VERSION: &str = "netintent.dev/v1alpha1";

pub(super) fn approval(context: &Context<'_>, node: &Node, cluster: bool) -> Result<Approval> {
    let metadata = if cluster { cluster_scoped(context, node, false)? } else { namespaced(context, node)? };
    let spec = spec(context, node, &["callers", "callees", "reason", "expiresAt", "from"])?;
    let own = (!cluster).then_some(metadata.namespace.as_str());
    let callers = callers(context, spec, own)?;
    let callees = callees(context, spec, own)?;
    let from = items(context, spec, "from")?.iter().map(|item| from_peer(context, item)).collect::<Result<Vec<_>>>()?;
    if callers.is_empty() && from.is_empty() {
        return context.error(head(spec), "an approval needs at least one of `callers` or `from`", None);
    }
    let expires_at = context.present(spec, "expiresAt").map(|written| expires_at(context, written)).transpose()?;
    let reason = reason(context, spec)?;
    Ok(Approval { metadata, callers, callees, reason, expires_at, from })
}

pub(super) fn prohibition(context: &Context<'_>, node: &Node) -> Result<Prohibition> {
    let metadata = cluster_scoped(context, node, false)?;
    let spec = spec(context, node, &["callers", "callees", "reason"])?;
    let callers = callers(context, spec, None)?;
    if callers.is_empty() {
        return context.error(head(spec), "`callers` needs at least one item", None);
    }
    for (caller, item) in callers.iter().zip(context.items(spec, "callers")?) {
        if let CallerPattern::One(one) = caller {
            let message =
                format!("a prohibition names whole namespaces: names within one are its own to choose, `{one}` too");
            return context.error(item.span, message, Some(format!("write `{}/*`", one.namespace)));
        }
    }
    let callees = callees(context, spec, None)?;
    let reason = reason(context, spec)?;
    Ok(Prohibition { metadata, callers, callees, reason })
}

fn spec<'n>(context: &Context<'_>, node: &'n Node, fields: &[&str]) -> Result<&'n Node> {
    if let Some(written) = node.get("apiVersion").filter(|n| n.as_str().is_some_and(|v| v != API_VERSION)) {
        let message = "no API server serves this version of netintent.dev";
        return context.error(written.span, message, Some(format!("write `apiVersion: {API_VERSION}`")));
    }
    // A field of the spec that is indented too little would otherwise be lost without a word.
    context.only(node, "this object", &["apiVersion", "kind", "metadata", "spec"])?;
    let Some(spec) = context.present(node, "spec") else {
        return context.error(head(node), "`spec` is missing", None);
    };
    context.mapping(spec, "`spec`")?;
    context.only(spec, "this spec", fields)?;
    Ok(spec)
}

fn callers(context: &Context<'_>, spec: &Node, own: Option<&str>) -> Result<Vec<CallerPattern>> {
    let items = items(context, spec, "callers")?;
    items
        .iter()
        .map(|item| match CallerPattern::parse(context.string(item, "callers")?, own) {
            Ok(pattern) => Ok(pattern),
            Err(message) => context.error(item.span, message, None),
        })
        .collect()
}

fn callees(context: &Context<'_>, spec: &Node, own: Option<&str>) -> Result<Vec<CalleePattern>> {
    let items = items(context, spec, "callees")?;
    if items.is_empty() {
        return context.error(head(spec), "`callees` needs at least one item", None);
    }
    items
        .iter()
        .map(|item| {
            let text = context.string(item, "callees")?;
            let parsed = match own {
                Some(namespace) => CalleePattern::parse_own(text, namespace),
                None => CalleePattern::parse(text, None),
            };
            parsed.or_else(|PatternError { message, help }| context.error(item.span, message, help))
        })
        .collect()
}

/// The items of a list, as many as one object may have.
fn items<'n>(context: &Context<'_>, spec: &'n Node, key: &str) -> Result<&'n [Node]> {
    let items = context.items(spec, key)?;
    match items.get(MAX_ITEMS) {
        None => Ok(items),
        Some(first_too_many) => {
            let message = format!("`{key}` has {} items, and may have {MAX_ITEMS}", items.len());
            context.error(first_too_many.span, message, Some("put the rest into another object: they add up".into()))
        }
    }
}

fn reason(context: &Context<'_>, spec: &Node) -> Result<Option<String>> {
    let Some(written) = context.present(spec, "reason") else { return Ok(None) };
    let text = context.string(written, "reason")?;
    match text.chars().count() {
        0..=MAX_REASON => Ok(Some(text.to_owned())),
        length => {
            context.error(written.span, format!("`reason` has {length} characters, and may have {MAX_REASON}"), None)
        }
    }
}

/// The first moment that is too late: schema and decoder agree on it. It is before the last [`Timestamp`].
pub(crate) const TOO_LATE: Timestamp = Timestamp::constant(253_370_764_800, 0);

fn expires_at(context: &Context<'_>, node: &Node) -> Result<Timestamp> {
    let text = context.string(node, "expiresAt")?;
    let (message, help) = match text.parse::<Timestamp>() {
        Ok(at) if at < TOO_LATE && is_rfc3339(text) => return Ok(at),
        _ if is_rfc3339(text) && text.starts_with("999") => {
            ("`expiresAt` is after the year 9998", "leave it out where the approval never expires")
        }
        _ => ("`expiresAt` is no point in time", "write it as RFC 3339: 2027-06-30T00:00:00Z"),
    };
    context.error(node.span, message, Some(help.to_owned()))
}

/// Whether `text` has the one form of RFC 3339 that Kubernetes writes; whether there is such a day is another question.
pub(crate) fn is_rfc3339(text: &str) -> bool {
    let shaped = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(b, s)| if s == b'0' { b.is_ascii_digit() } else { b == s })
    };
    let Some((time, rest)) = text.split_at_checked("0000-00-00T00:00:00".len()) else { return false };
    let zone = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if !(1..=9).contains(&(fraction.len() - zone.len())) {
                return false;
            }
            zone
        }
    };
    // A leap second is none to Kubernetes.
    shaped(time, "0000-00-00T00:00:00")
        && &time[17..] < "60"
        && (zone == "Z" || shaped(zone, "+00:00") || shaped(zone, "-00:00"))
        && (zone == "Z" || (&zone[1..3] < "24" && &zone[4..] < "60"))
}

/// A peer that is none is left out of policies and told, never the whole Approval refused: the schema lets it through.
fn from_peer(context: &Context<'_>, node: &Node) -> Result<FromPeer> {
    peer_types(context, node)?;
    let peer = super::policy::peer(context, node).map_err(|e| printable(&e.message));
    Ok(FromPeer { peer, origin: context.origin(head(node)) })
}

/// Checks what the schema does check of a peer: which fields there are, and the types of their values.
fn peer_types(context: &Context<'_>, peer: &Node) -> Result<()> {
    context.mapping(peer, "a peer")?;
    context.only(peer, "a peer", &["podSelector", "namespaceSelector", "ipBlock"])?;
    for key in ["podSelector", "namespaceSelector"] {
        let Some(selector) = context.present(peer, key) else { continue };
        context.mapping(selector, &format!("`{key}`"))?;
        context.only(selector, "a label selector", &["matchLabels", "matchExpressions"])?;
        if let Some(labels) = context.present(selector, "matchLabels") {
            for entry in context.mapping(labels, "`matchLabels`")? {
                // In a NetworkPolicy a null is the empty string; in a custom resource the API server drops the label,
                // and the selector then selects more than is written.
                let help = Some(format!("write `{}: \"\"` if the empty value is meant", printable(&entry.key)));
                if entry.value.is_null() {
                    return context.error(entry.key_span, "a label of a selector has no value", help);
                }
                context.string(&entry.value, &entry.key)?;
            }
        }
        for expression in context.items(selector, "matchExpressions")? {
            context.mapping(expression, "a match expression")?;
            context.only(expression, "a match expression", &["key", "operator", "values"])?;
            written_string(context, expression, "key")?;
            written_string(context, expression, "operator")?;
            strings(context, expression, "values")?;
        }
    }
    if let Some(block) = context.present(peer, "ipBlock") {
        context.mapping(block, "`ipBlock`")?;
        context.only(block, "an ipBlock", &["cidr", "except"])?;
        written_string(context, block, "cidr")?;
        strings(context, block, "except")?;
    }
    Ok(())
}

/// A string that must be there, be it empty.
fn written_string(context: &Context<'_>, node: &Node, key: &str) -> Result<()> {
    match context.optional_string(node, key)? {
        Some(_) => Ok(()),
        None => context.error(head(node), format!("`{key}` is missing"), None),
    }
}

fn strings(context: &Context<'_>, node: &Node, key: &str) -> Result<()> {
    context.items(node, key)?.iter().try_for_each(|item| context.string(item, key).map(drop))
}

#[cfg(test)]
mod tests {
    use super::super::text::{documents, parse};
    use super::super::{Object, decode};
    use super::*;
    use crate::policy::Peer;

    const APPROVAL: &str = "apiVersion: netintent.dev/v1alpha1
kind: Approval
metadata: {name: a}
";

    fn read(text: &str) -> std::result::Result<Object, ManifestError> {
        let documents = documents(text.as_bytes()).unwrap();
        let node = parse(&documents[0]).unwrap().unwrap();
        decode(&node, 0, "bank").map(|mut decoded| decoded.objects.remove(0))
    }

    fn read_approval(spec: &str) -> Approval {
        match read(&format!("{APPROVAL}spec: {spec}")) {
            Ok(Object::Approval(approval)) => *approval,
            other => panic!("{other:?}"),
        }
    }

    /// The line, the message and the help of what is wrong with a spec, whose first line is line 5.
    fn error(kind: &str, spec: &str) -> (u32, String, String) {
        let head = APPROVAL.replace("Approval", kind);
        let error = read(&format!("{head}spec:\n{spec}")).unwrap_err();
        (error.origin.span.start.line, error.message, error.help.unwrap_or_default())
    }

    #[test]
    fn an_approval_in_full() {
        let approval = read_approval(
            "{callers: [shop/frontend, ./*], callees: ['ledger:rpc', '*'], reason: refunds, expiresAt: 2027-06-30T00:00:00+02:00, from: [{podSelector: {}}]}",
        );
        assert_eq!((approval.kind(), approval.metadata.namespace.as_str()), ("Approval", "bank"));
        assert_eq!(approval.callers.iter().map(ToString::to_string).collect::<Vec<_>>(), ["shop/frontend", "bank/*"]);
        assert_eq!(approval.callees.iter().map(ToString::to_string).collect::<Vec<_>>(), ["bank/ledger:rpc", "bank/*"]);
        assert_eq!(approval.expires_at.unwrap().to_string(), "2027-06-29T22:00:00Z");
        assert_eq!(approval.reason.as_deref(), Some("refunds"));
        assert!(matches!(approval.from[0].peer, Ok(Peer::Pods { .. })));
    }

    #[test]
    fn a_cluster_approval_is_in_no_namespace() {
        let spec = "metadata: {name: a}\nspec: {callers: ['*/*'], callees: ['@backend:rpc']}";
        let object = read(&format!("apiVersion: netintent.dev/v1alpha1\nkind: ClusterApproval\n{spec}")).unwrap();
        assert_eq!(
            object.identity().map(|(_, kind, metadata)| (kind, metadata.namespace.as_str())),
            Some(("ClusterApproval", ""))
        );
    }

    #[test]
    fn errors_say_where_and_what_to_write() {
        for (kind, spec, line, message, help) in [
            ("Approval", "  callers: [a/b]\n", 5, "`callees` needs at least one item", ""),
            ("Approval", "  callees: [c]\n", 5, "an approval needs at least one of `callers` or `from`", ""),
            (
                "Approval",
                "  callers:\n  - a/b\n  - web\n  callees: [c]\n",
                7,
                "`web` does not say in which namespace: write `./web` for this one",
                "",
            ),
            (
                "Approval",
                "  callers: [a/b]\n  callees:\n  - bank/ledger:rpc\n",
                7,
                "`bank/ledger:rpc`: an Approval's callees are Services of its own namespace",
                "write `ledger:rpc`",
            ),
            (
                "Approval",
                "  callers: [a/b]\n  callees: [c]\n  expiresAt: 2027-06-30\n",
                7,
                "`expiresAt` is no point in time",
                "write it as RFC 3339: 2027-06-30T00:00:00Z",
            ),
            (
                "Approval",
                "  callers: [a/b]\n  callees: [c]\n  expiresAt: 9999-12-31T23:59:59Z\n",
                7,
                "`expiresAt` is after the year 9998",
                "leave it out where the approval never expires",
            ),
            (
                "Approval",
                "  callers: [a/b]\n  callees: [c]\nexpiresAt: 2027-06-30T00:00:00Z\n",
                7,
                "this object has no field `expiresAt`",
                "",
            ),
            (
                "Approval",
                "  callees: [c]\n  from:\n  - podSelektor: {}\n",
                7,
                "a peer has no field `podSelektor`",
                "did you mean `podSelector`?",
            ),
            (
                "Approval",
                "  callees: [c]\n  from:\n  - podSelector:\n      matchLabels:\n        app:\n",
                9,
                "a label of a selector has no value",
                "write `app: \"\"` if the empty value is meant",
            ),
            (
                "ClusterProhibition",
                "  callers: [dev/*]\n  callees: [a/b]\n  from: []\n",
                7,
                "this spec has no field `from`",
                "",
            ),
            (
                "ClusterProhibition",
                "  callers:\n  - dev/web\n  callees: [a/b]\n",
                6,
                "a prohibition names whole namespaces: names within one are its own to choose, `dev/web` too",
                "write `dev/*`",
            ),
            (
                "ClusterProhibiton",
                "  callers: [dev/*]\n  callees: [a/b]\n",
                2,
                "netintent.dev has no kind `ClusterProhibiton`",
                "did you mean `ClusterProhibition`?",
            ),
        ] {
            assert_eq!(error(kind, spec), (line, message.to_owned(), help.to_owned()), "{kind} {spec}");
        }
    }

    #[test]
    fn another_version_is_not_taken_for_this_one() {
        let error = read(&format!("{}spec: {{}}", APPROVAL.replace("v1alpha1", "v1"))).unwrap_err();
        assert_eq!(error.message, "no API server serves this version of netintent.dev");
        assert_eq!((error.origin.span.start.line, error.origin.span.start.column), (1, 13));
    }

    #[test]
    fn a_peer_that_is_none_spoils_only_itself() {
        let approval =
            read_approval("{callees: [c], from: [{}, {ipBlock: {cidr: 10.0.0.300/8}}, {ipBlock: {cidr: 10.0.0.0/8}}]}");
        let reasons: Vec<bool> = approval.from.iter().map(|from| from.peer.is_ok()).collect();
        assert_eq!(reasons, [false, false, true]);
        assert_eq!(
            approval.from[0].peer.as_ref().unwrap_err(),
            "a peer needs `podSelector`, `namespaceSelector` or `ipBlock`"
        );
    }

    #[test]
    fn there_is_an_end_to_lists_and_reasons() {
        let spec = |count| format!("  callers: [{}]\n  callees: [c]\n", "a/b, ".repeat(count));
        assert_eq!(read_approval(&format!("\n{}", spec(MAX_ITEMS))).callers.len(), MAX_ITEMS);
        assert_eq!(error("Approval", &spec(MAX_ITEMS + 1)).1, "`callers` has 1025 items, and may have 1024");
        let spec = format!("  callers: [a/b]\n  callees: [c]\n  reason: {}\n", "ü".repeat(MAX_REASON + 1));
        assert_eq!(error("Approval", &spec).1, "`reason` has 1025 characters, and may have 1024");
    }
}
