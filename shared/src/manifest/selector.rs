//! Label selectors, checked as the API server checks them.

use super::ManifestError;
use super::metadata::label_map;
use super::read::Context;
use super::text::{Node, Value};
use crate::names;
use crate::selector::{Operator, Requirement, Selector};

type Result<T> = std::result::Result<T, ManifestError>;

/// A `metav1.LabelSelector`.
pub(super) fn label_selector(context: &Context<'_>, node: &Node, what: &str) -> Result<Selector> {
    context.mapping(node, &format!("`{what}`"))?;
    let mut requirements = Vec::new();
    if let Some(labels) = context.present(node, "matchLabels") {
        let labels = label_map(context, labels, "matchLabels")?;
        requirements.extend(Selector::of_labels(labels.iter()).requirements);
    }
    for item in context.items(node, "matchExpressions")? {
        requirements.push(requirement(context, item)?);
    }
    Ok(Selector::new(requirements))
}

fn requirement(context: &Context<'_>, node: &Node) -> Result<Requirement> {
    context.mapping(node, "a match expression")?;
    let key = context.required_string(node, "key")?;
    if let Err(message) = names::check_qualified_name(key) {
        return context.error(node.get("key").map_or(node.span, |n| n.span), names::printable(&message), None);
    }
    let written = context.required_string(node, "operator")?;
    let Some(operator) = Operator::parse(written) else {
        let all = ["In", "NotIn", "Exists", "DoesNotExist"];
        let message =
            format!("`{}` is no operator: In, NotIn, Exists or DoesNotExist was expected", names::printable(written));
        let span = node.get("operator").map_or(node.span, |n| n.span);
        return context.error(span, message, crate::suggest::did_you_mean(written, all));
    };
    let mut values = Vec::new();
    for value in context.items(node, "values")? {
        // A null in a list of strings is an empty one.
        let text = if matches!(value.value, Value::Null) { "" } else { context.string(value, "values")? };
        if let Err(message) = names::check_label_value(text) {
            return context.error(value.span, names::printable(&message), None);
        }
        values.push(text.to_owned());
    }
    let span = node.get("values").or_else(|| node.get("operator")).map_or(node.span, |n| n.span);
    match operator {
        Operator::In | Operator::NotIn if values.is_empty() => context.error(
            span,
            format!("operator {written} needs at least one value"),
            Some("to ask only whether the label is there, use Exists or DoesNotExist".into()),
        ),
        Operator::Exists | Operator::DoesNotExist if !values.is_empty() => context.error(
            span,
            format!("operator {written} takes no values"),
            Some("use In or NotIn with values".into()),
        ),
        _ => Ok(Requirement { key: key.to_owned(), operator, values }),
    }
}
