//! Where what the API server has differs from a manifest: what it fills in where nothing is said is no difference.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// The longest text that is shown.
const LONGEST: usize = 60;

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Which, and how.
    pub(super) text: String,
    /// Whether it is more than the manifest says: whoever applies that leaves it as it is.
    pub(super) is_more: bool,
}

/// Every field that differs, in the order of their names.
pub(super) fn differences(wanted: &Value, there: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    of_values("", Some(wanted), Some(there), true, &mut found);
    found
}

/// What holds for a field of admission registrations that nothing is said of.
fn default(key: &str) -> Option<Value> {
    Some(match key {
        "failurePolicy" => "Fail".into(),
        "matchPolicy" => "Equivalent".into(),
        "reinvocationPolicy" => "Never".into(),
        "scope" => "*".into(),
        "timeoutSeconds" => 10.into(),
        "port" => 443.into(),
        _ => return None,
    })
}

/// Whether it says nothing: so do lists and objects without anything in them.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// A field as it holds. In labels nothing is filled in.
fn field<'v>(fields: &'v Map<String, Value>, key: &str, filled_in: bool) -> Option<Cow<'v, Value>> {
    let said = fields.get(key).filter(|value| !is_nothing(value)).map(Cow::Borrowed);
    said.or_else(|| default(key).filter(|_| filled_in).map(Cow::Owned))
}

fn of_values(at: &str, wanted: Option<&Value>, there: Option<&Value>, filled_in: bool, found: &mut Vec<Difference>) {
    let nothing = Map::new();
    let mut say = |text: String, is_more: bool| found.push(Difference { text, is_more });
    match (wanted, there) {
        (None, None) => {}
        (Some(Value::Object(wanted)), Some(Value::Object(there))) => of_objects(at, wanted, there, filled_in, found),
        (Some(Value::Object(wanted)), None) => of_objects(at, wanted, &nothing, filled_in, found),
        (None, Some(Value::Object(there))) => of_objects(at, &nothing, there, filled_in, found),
        (Some(Value::Array(wanted)), Some(Value::Array(there))) => of_lists(at, wanted, there, filled_in, found),
        (Some(wanted), Some(there)) if wanted == there => {}
        (Some(wanted), Some(there)) => match (short(wanted), short(there)) {
            (Some(wanted), Some(there)) => say(format!("{at} is {there} in place of {wanted}"), false),
            _ => say(format!("{at} differs"), false),
        },
        (Some(_), None) => say(format!("{at} is missing"), false),
        (None, Some(_)) => say(format!("{at} should not be there"), true),
    }
}

fn of_objects(
    at: &str,
    wanted: &Map<String, Value>,
    there: &Map<String, Value>,
    filled_in: bool,
    found: &mut Vec<Difference>,
) {
    let more = there.keys().filter(|key| !wanted.contains_key(*key));
    for key in wanted.keys().chain(more) {
        let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
        let [wanted, there] = [wanted, there].map(|fields| field(fields, key, filled_in));
        of_values(&path, wanted.as_deref(), there.as_deref(), filled_in && key != "matchLabels", found);
    }
}

fn of_lists(at: &str, wanted: &[Value], there: &[Value], filled_in: bool, found: &mut Vec<Difference>) {
    for index in 0..wanted.len().max(there.len()) {
        let path = format!("{at}[{index}]");
        let whole = |text: &str, is_more| Difference { text: format!("{path} {text}"), is_more };
        match (wanted.get(index), there.get(index)) {
            (Some(_), None) => found.push(whole("is missing", false)),
            (None, Some(_)) => found.push(whole("should not be there", true)),
            (wanted, there) => of_values(&path, wanted, there, filled_in, found),
        }
    }
}

/// What fits into a sentence.
fn short(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (text.chars().count() <= LONGEST && !text.contains('\n')).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What differs, in words; with a `+` before what is more.
    fn of(wanted: &Value, there: &Value) -> Vec<String> {
        assert_eq!((differences(wanted, wanted), differences(there, there)), (vec![], vec![]));
        let all = differences(wanted, there).into_iter();
        all.map(|Difference { text, is_more }| if is_more { format!("+{text}") } else { text }).collect()
    }

    #[test]
    fn what_the_api_server_fills_in_is_no_difference() {
        let wanted = json!({"failurePolicy": "Fail", "rules": [{"operations": ["CREATE"], "scope": "*"}],
            "clientConfig": {"service": {"name": "a"}}});
        let there = json!({"rules": [{"operations": ["CREATE"], "resourceNames": []}], "matchPolicy": "Equivalent",
            "namespaceSelector": {}, "objectSelector": {"matchLabels": {}, "matchExpressions": null}, "timeoutSeconds": 10,
            "clientConfig": {"service": {"name": "a", "port": 443}}, "reinvocationPolicy": "Never"});
        assert_eq!(of(&wanted, &there), [""; 0]);
        let resources = json!({"matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}});
        assert_eq!(of(&json!({}), &json!({"matchResources": resources})), [""; 0]);
    }

    #[test]
    fn each_field_that_differs_is_named() {
        let base = json!({"failurePolicy": "Fail", "rules": [{"operations": ["CREATE", "UPDATE"], "resources": ["pods"]}],
            "clientConfig": {"service": {"name": "a", "path": "/x"}}, "text": "one\ntwo"});
        for (pointer, value, expected) in [
            ("/failurePolicy", json!("Ignore"), "failurePolicy is Ignore in place of Fail"),
            ("/rules/0/operations", json!(["CREATE"]), "rules[0].operations[1] is missing"),
            ("/rules/0/operations/1", json!("DELETE"), "rules[0].operations[1] is DELETE in place of UPDATE"),
            ("/rules/0/resources", json!(["pods", "nodes"]), "+rules[0].resources[1] should not be there"),
            ("/rules/0/resources", json!(null), "rules[0].resources is missing"),
            ("/rules", json!([]), "rules is missing"),
            ("/rules/0", json!("x"), "rules[0] differs"),
            ("/clientConfig/service", json!({"name": "a"}), "clientConfig.service.path is missing"),
            ("/clientConfig/service/path", json!(""), "clientConfig.service.path is \"\" in place of /x"),
            ("/text", json!("one"), "text differs"),
        ] {
            let mut there = base.clone();
            if let Some(field) = there.pointer_mut(pointer) {
                *field = value;
            }
            assert_eq!(of(&base, &there), [expected], "{pointer}");
        }
        let mut there = base.clone();
        there["rules"][0]["operations"] = json!(["DELETE", "UPDATE", "CONNECT"]);
        let all =
            ["rules[0].operations[0] is DELETE in place of CREATE", "+rules[0].operations[2] should not be there"];
        assert_eq!(of(&base, &there), all);
        for (key, value, expected) in [
            ("timeoutSeconds", json!(1), "timeoutSeconds is 1 in place of 10"),
            ("matchPolicy", json!("Exact"), "matchPolicy is Exact in place of Equivalent"),
            ("paramRef", json!({"name": "a"}), "+paramRef.name should not be there"),
            ("objectSelector", json!({"matchLabels": {"a": "b"}}), "+objectSelector.matchLabels.a should not be there"),
            // Labels may be called as fields are, and hold what would be filled in there.
            (
                "namespaceSelector",
                json!({"matchLabels": {"failurePolicy": "Fail"}}),
                "+namespaceSelector.matchLabels.failurePolicy should not be there",
            ),
        ] {
            let mut there = base.clone();
            there[key] = value;
            assert_eq!(of(&base, &there), [expected], "{key}");
        }
    }
}
