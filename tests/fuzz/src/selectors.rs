//! Selectors of labels, as `kubectl -l` and as manifests write them.

use std::collections::BTreeMap;

use netintent::manifest::Object;
use netintent::selector::{Labels, Operator, Requirement, Selector};
use serde_json::{Value, json};

use crate::read;

/// What is read prints as what is read again, means what it says, and means the same in a manifest.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.len() > 4096 {
        return;
    }
    if let Ok(selector) = Selector::parse(text) {
        printed(&selector);
        matching(&selector);
        assert_eq!(in_manifest(&as_manifest(&selector).to_string()).as_ref(), Some(&selector), "{text}");
    }
    // The same text as a manifest's.
    if let Some(selector) = in_manifest(text) {
        printed(&selector);
        matching(&selector);
    }
}

fn printed(selector: &Selector) {
    let printed = selector.to_string();
    if selector.is_empty() {
        assert_eq!(printed, "(all)");
    } else {
        assert_eq!(Selector::parse(&printed).as_ref(), Ok(selector), "{printed}");
    }
}

/// Every requirement as Kubernetes' documentation words it, on each map of labels with one of the values, another, or
/// none.
fn matching(selector: &Selector) {
    let mut maps = vec![BTreeMap::new()];
    for Requirement { key, values, .. } in selector.requirements.iter().take(8) {
        for value in values.iter().map(String::as_str).chain(["", "other"]).take(4) {
            let mut map = maps[maps.len() / 2].clone();
            map.insert(key.as_str(), value);
            maps.push(map);
        }
    }
    for map in maps {
        let labels: Labels = map.iter().map(|(key, value)| (*key, *value)).collect();
        let expected = selector.requirements.iter().all(|requirement| {
            let values = || requirement.values.iter().map(String::as_str);
            match (requirement.operator, map.get(requirement.key.as_str())) {
                (Operator::In, Some(value)) => values().any(|v| v == *value),
                (Operator::NotIn, Some(value)) => values().all(|v| v != *value),
                (Operator::Exists, Some(_)) | (Operator::NotIn | Operator::DoesNotExist, None) => true,
                (Operator::In | Operator::Exists, None) | (Operator::DoesNotExist, Some(_)) => false,
            }
        });
        assert_eq!(selector.matches(&labels), expected, "{selector} of {map:?}");
        assert_eq!(selector.unmet(&labels).is_none(), expected, "{selector} of {map:?}");
    }
}

fn as_manifest(selector: &Selector) -> Value {
    let expression = |r: &Requirement| json!({"key": r.key, "operator": r.operator.as_str(), "values": r.values});
    json!({"matchExpressions": selector.requirements.iter().map(expression).collect::<Vec<_>>()})
}

/// The pods that a NetworkPolicy selects.
fn in_manifest(selector: &str) -> Option<Selector> {
    let policy = format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: a}}\nspec:\n  podSelector: {selector}\n"
    );
    let decoded = read(&policy)?;
    match &decoded.first()?.objects[..] {
        [Object::Policy(policy)] => Some(policy.pods.clone()),
        _ => None,
    }
}
