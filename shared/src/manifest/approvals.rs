//! Approvals, ClusterApprovals and ClusterProhibitions, checked as their schema checks them.

use jiff::Timestamp;

use super::ManifestError;
use super::metadata::{cluster_scoped, namespaced};
use super::read::{Context, head};
use super::text::Node;
use crate::approval::{Approval, FromPeer, Prohibition};
use crate::callee::{CalleePattern, PatternError};
use crate::caller::CallerPattern;
use crate::names::printable;

type Result<T> = std::result::Result<T, ManifestError>;

pub(super) fn approval(context: &Context<'_>, node: &Node, cluster: bool) -> Result<Approval> {
    let metadata = if cluster { cluster_scoped(context, node, false)? } else { namespaced(context, node)? };
    let spec = spec(context, node, &["callers", "callees", "reason", "expiresAt", "from"])?;
    let own = (!cluster).then_some(metadata.namespace.as_str());
    let callers = callers(context, spec, own)?;
    let callees = callees(context, spec, own)?;
    let from = context.items(spec, "from")?.iter().map(|item| from_peer(context, item)).collect::<Result<Vec<_>>>()?;
    if callers.is_empty() && from.is_empty() {
        return context.error(head(spec), "an approval needs at least one of `callers` or `from`", None);
    }
    let expires_at = match context.present(spec, "expiresAt") {
        None => None,
        Some(written) => match context.string(written, "expiresAt")?.parse::<Timestamp>() {
            Ok(at) => Some(at),
            Err(_) => {
                let help = Some("write it as RFC 3339: 2027-06-30T00:00:00Z".to_owned());
                return context.error(written.span, "`expiresAt` is no point in time", help);
            }
        },
    };
    let reason = context.optional_string(spec, "reason")?.map(str::to_owned);
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
    let reason = context.optional_string(spec, "reason")?.map(str::to_owned);
    Ok(Prohibition { metadata, callers, callees, reason })
}

fn spec<'n>(context: &Context<'_>, node: &'n Node, fields: &[&str]) -> Result<&'n Node> {
    let Some(spec) = context.present(node, "spec") else {
        return context.error(head(node), "`spec` is missing", None);
    };
    context.mapping(spec, "`spec`")?;
    context.only(spec, "this spec", fields)?;
    Ok(spec)
}

fn callers(context: &Context<'_>, spec: &Node, own: Option<&str>) -> Result<Vec<CallerPattern>> {
    let items = context.items(spec, "callers")?;
    items
        .iter()
        .map(|item| match CallerPattern::parse(context.string(item, "callers")?, own) {
            Ok(pattern) => Ok(pattern),
            Err(message) => context.error(item.span, message, None),
        })
        .collect()
}

fn callees(context: &Context<'_>, spec: &Node, own: Option<&str>) -> Result<Vec<CalleePattern>> {
    let items = context.items(spec, "callees")?;
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

/// A peer that is none is left out of policies and told, never the whole Approval refused: the schema lets it through.
fn from_peer(context: &Context<'_>, node: &Node) -> Result<FromPeer> {
    context.mapping(node, "a peer")?;
    let peer = super::policy::peer(context, node).map_err(|e| printable(&e.message));
    Ok(FromPeer { peer, origin: Some(context.origin(head(node))) })
}
