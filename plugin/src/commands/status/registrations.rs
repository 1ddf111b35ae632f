//! Whether the API server is told to ask the webhook as this version wants it: the configurations and policies of the cluster
//! beside the manifests.

use netintent::manifest::text::{documents, parse};
use serde_json::Value;

use super::line::Line;
use crate::cluster::status::{Answer, DEFINITIONS, Facts};
use crate::release::{Manifest, Release, manifests};

/// What of an entry decides when the webhook is asked, and what becomes of a request without an answer.
const DECISIVE: [&str; 6] =
    ["failurePolicy", "rules", "matchConditions", "namespaceSelector", "objectSelector", "matchPolicy"];
const AGAIN: &str = "apply the manifests of this version again: kubectl netintent install --apply";

/// The objects of a kind that there should be, for netintent in a namespace.
fn wanted(kind: &str, namespace: &str) -> Vec<Value> {
    let release = Release { namespace, replicas: None, image: None, cert_manager: false }.text();
    let of_kind = manifests(&release).into_iter().filter(|manifest| manifest.kind == kind);
    let value = |manifest: Manifest<'_>| {
        let documents = documents(manifest.text.as_bytes()).ok()?;
        serde_json::to_value(parse(documents.first()?).ok()??).ok()
    };
    of_kind.filter_map(value).collect()
}

/// Whether nothing of netintent is there at all.
pub(super) fn is_absent(facts: &Facts) -> bool {
    let absent = |answer: &Answer| matches!(answer, Answer::Missing);
    facts.definitions.iter().all(absent) && absent(&facts.mutating) && absent(&facts.validating)
}

/// The definitions of our kinds.
pub(super) fn definitions(facts: &Facts) -> Line {
    const NAME: &str = "kinds";
    let mut missing = Vec::new();
    for (name, answer) in DEFINITIONS.iter().zip(&facts.definitions) {
        match answer {
            Answer::Unread(why) => return Line::unknown(NAME, format!("not permitted: {why}")),
            Answer::Is(definition) if is_established(definition) => {}
            Answer::Is(_) | Answer::Missing => missing.push(*name),
        }
    }
    if missing.is_empty() {
        return Line::good(NAME, format!("the API server knows all {}", DEFINITIONS.len()));
    }
    Line::bad(NAME, format!("the API server does not know {}", missing.join(", ")), AGAIN)
}

fn is_established(definition: &Value) -> bool {
    let conditions = definition["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|condition| condition["type"] == "Established" && condition["status"] == "True")
}

/// One of the two webhook configurations.
pub(super) fn configuration(facts: &Facts, kind: &'static str) -> Line {
    let (name, answer) = match kind {
        "MutatingWebhookConfiguration" => ("mutating webhook", &facts.mutating),
        _ => ("validating webhook", &facts.validating),
    };
    let there = match answer {
        Answer::Unread(why) => return Line::unknown(name, format!("not permitted: {why}")),
        Answer::Missing => return Line::bad(name, format!("there is no {kind} netintent"), AGAIN),
        Answer::Is(configuration) => entries(configuration),
    };
    let wanted = wanted(kind, &facts.namespace);
    let wanted: Vec<&Value> = wanted.iter().flat_map(entries).collect();
    let mut wrong = Vec::new();
    for entry in &wanted {
        match there.iter().find(|other| other["name"] == entry["name"]) {
            None => wrong.push(format!("{} is missing", word(&entry["name"]))),
            Some(other) => wrong.extend(different(entry, other)),
        }
    }
    let more = there.iter().filter(|other| !wanted.iter().any(|entry| entry["name"] == other["name"]));
    wrong.extend(more.map(|other| format!("{} is none of this version", word(&other["name"]))));
    if wrong.is_empty() {
        return Line::good(name, format!("all {} entries are as this version has them", wanted.len()));
    }
    let recovering = there.iter().any(|entry| {
        entry["failurePolicy"] == "Ignore"
            && wanted.iter().any(|w| w["name"] == entry["name"] && w["failurePolicy"] == "Fail")
    });
    let help = if recovering {
        format!("if that was to recover, it goes on without an answer until you undo it; else {AGAIN}")
    } else {
        AGAIN.to_owned()
    };
    Line::bad(name, wrong.join("; "), help)
}

fn entries(configuration: &Value) -> Vec<&Value> {
    configuration["webhooks"].as_array().into_iter().flatten().collect()
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

/// How an entry differs from the one that there should be.
fn different(wanted: &Value, there: &Value) -> Option<String> {
    // What the API server fills in where nothing is said.
    let nothing = |value: &Value| value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
    let same = |key: &&str| wanted[*key] == there[*key] || nothing(&wanted[*key]) && nothing(&there[*key]);
    let fields: Vec<String> = DECISIVE
        .iter()
        .filter(|key| !same(key))
        .map(|key| match (wanted[*key].as_str(), there[*key].as_str()) {
            (Some(wanted), Some(there)) => format!("{key} is {there} in place of {wanted}"),
            _ => format!("{key} differs"),
        })
        .collect();
    (!fields.is_empty()).then(|| format!("of {} {}", word(&wanted["name"]), fields.join(", ")))
}

/// The policies of the API server itself, which need no webhook.
pub(super) fn policies(facts: &Facts) -> Line {
    const NAME: &str = "admission policies";
    let (policies, bindings) = match (&facts.policies, &facts.bindings) {
        (Answer::Is(policies), Answer::Is(bindings)) => (policies, bindings),
        (Answer::Unread(why), _) | (_, Answer::Unread(why)) => {
            return Line::unknown(NAME, format!("not permitted: {why}"));
        }
        _ => {
            return Line::bad(
                NAME,
                "the API server has no ValidatingAdmissionPolicies",
                "netintent needs Kubernetes 1.33 or later",
            );
        }
    };
    let find = |list: &Value, name: &Value| {
        list["items"].as_array().into_iter().flatten().find(|item| item["metadata"]["name"] == *name).cloned()
    };
    let all = wanted("ValidatingAdmissionPolicy", &facts.namespace);
    let mut wrong = Vec::new();
    for policy in &all {
        let name = &policy["metadata"]["name"];
        match find(policies, name) {
            None => wrong.push(format!("{} is missing", word(name))),
            Some(there) if rules(&there) != rules(policy) => wrong.push(format!("{} was changed", word(name))),
            Some(_) => {}
        }
    }
    for binding in wanted("ValidatingAdmissionPolicyBinding", &facts.namespace) {
        let name = &binding["metadata"]["name"];
        let denies = |there: &Value| {
            let (spec, wanted) = (&there["spec"], &binding["spec"]);
            spec["policyName"] == wanted["policyName"]
                && spec["validationActions"] == wanted["validationActions"]
                && spec["matchResources"].as_object().is_none_or(|_| spec["matchResources"] == wanted["matchResources"])
        };
        match find(bindings, name) {
            None => wrong.push(format!("the binding of {} is missing", word(name))),
            Some(there) if !denies(&there) => wrong.push(format!("the binding of {} was changed", word(name))),
            Some(_) => {}
        }
    }
    if wrong.is_empty() {
        return Line::good(NAME, format!("all {} are as this version has them", all.len()));
    }
    Line::bad(NAME, wrong.join("; "), AGAIN)
}

/// What of a policy decides: the expressions, in their order, and what becomes of a request that they fail on.
fn rules(policy: &Value) -> Vec<String> {
    let spec = &policy["spec"];
    let of = |list: &str| -> Vec<String> {
        let items = spec[list].as_array().into_iter().flatten();
        items.map(|item| format!("{list} {}", word(&item["expression"]))).collect()
    };
    let on_failure = vec![spec["failurePolicy"].as_str().unwrap_or("Fail").to_owned()];
    [of("matchConditions"), of("variables"), of("validations"), on_failure].concat()
}

#[cfg(test)]
mod tests {
    use super::super::line::State;
    use super::super::tests::facts;
    use super::*;

    fn of(kind: &'static str, change: impl FnOnce(&mut Value)) -> Line {
        let mut facts = facts();
        let answer = if kind == "MutatingWebhookConfiguration" { &mut facts.mutating } else { &mut facts.validating };
        if let Answer::Is(configuration) = answer {
            change(configuration);
        }
        configuration(&facts, kind)
    }

    #[test]
    fn what_the_manifests_say_is_as_it_should_be() {
        let facts = facts();
        for kind in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] {
            let line = configuration(&facts, kind);
            assert_eq!((line.state, line.text.as_str()), (State::Good, "all 4 entries are as this version has them"));
        }
        let line = policies(&facts);
        assert_eq!((line.state, line.text.as_str()), (State::Good, "all 5 are as this version has them"));
        assert_eq!(definitions(&facts).state, State::Good);
        assert!(!is_absent(&facts));
    }

    #[test]
    fn an_entry_that_goes_or_changes_is_named() {
        let gone = of("ValidatingWebhookConfiguration", |c| drop(c["webhooks"].as_array_mut().map(Vec::pop)));
        assert_eq!((gone.state, gone.text.as_str()), (State::Bad, "guard.netintent.dev is missing"));
        let weak = of("MutatingWebhookConfiguration", |c| c["webhooks"][0]["failurePolicy"] = "Ignore".into());
        assert_eq!(weak.text, "of new.derive.netintent.dev failurePolicy is Ignore in place of Fail");
        assert!(weak.help.is_some_and(|help| help.starts_with("if that was to recover")));
        let never = of("ValidatingWebhookConfiguration", |c| {
            c["webhooks"][3]["matchConditions"][0]["expression"] = "false".into();
        });
        assert_eq!(never.text, "of guard.netintent.dev matchConditions differs");
        let some = of("ValidatingWebhookConfiguration", |c| {
            c["webhooks"][3]["objectSelector"] = serde_json::json!({"matchLabels": {"a": "b"}});
        });
        assert_eq!(some.text, "of guard.netintent.dev objectSelector differs");
    }

    #[test]
    fn another_namespace_is_no_difference() {
        let mut facts = facts();
        facts.namespace = "elsewhere".to_owned();
        if let Answer::Is(configuration) = &mut facts.mutating {
            *configuration =
                serde_json::from_str(&configuration.to_string().replace("netintent-system", "elsewhere")).unwrap();
        }
        assert_eq!(configuration(&facts, "MutatingWebhookConfiguration").state, State::Good);
        assert_eq!(configuration(&facts, "ValidatingWebhookConfiguration").state, State::Bad);
    }

    #[test]
    fn a_policy_that_denies_no_more_is_named() {
        let mut facts = facts();
        if let Answer::Is(list) = &mut facts.bindings {
            list["items"][0]["spec"]["validationActions"] = serde_json::json!(["Audit"]);
        }
        if let Answer::Is(list) = &mut facts.policies {
            list["items"][1]["spec"]["validations"][0]["expression"] = "true".into();
        }
        let line = policies(&facts);
        assert_eq!(line.state, State::Bad);
        assert_eq!(line.text, "netintent-keys was changed; the binding of netintent-modes was changed");
    }
}
