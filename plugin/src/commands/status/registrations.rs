//! Whether the API server is told to ask the webhook as this version wants it: the configurations and policies of the cluster
//! beside the manifests.

use netintent::manifest::text::{documents, parse};
use netintent::recover::admission;
use serde_json::Value;

use super::compare::{Difference, differences};
use super::line::Line;
use super::wrong::{AGAIN, Wrong};
use crate::cluster::status::{Answer, DEFINITIONS, Facts};
use crate::release::{Manifest, Release, manifests};

/// What a request comes to without an answer, unless something else is said.
const FAIL: &str = "Fail";

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
    let recorded = if let Answer::Is(object) = answer { admission::recorded(object) } else { Ok(None) };
    let wanted = wanted(kind, &facts.namespace);
    let wanted: Vec<&Value> = wanted.iter().flat_map(entries).collect();
    let object = format!("{kind} netintent");
    let mut wrong = Wrong::default();
    for entry in &wanted {
        let entry_name = word(&entry["name"]);
        let Some(other) = there.iter().find(|other| other["name"] == entry["name"]) else {
            wrong.is_missing(entry_name);
            continue;
        };
        let policies = [policy(other), policy(entry)];
        if policies[0] != policies[1] {
            let record = recorded.as_ref().ok().and_then(Option::as_ref);
            wrong.is_loose(entry_name, policies, record.and_then(|record| of_recover(record, entry_name)));
        }
        wrong.differs(entry_name, &different(entry, other), &object);
    }
    for other in there.iter().filter(|other| !wanted.iter().any(|entry| entry["name"] == other["name"])) {
        wrong.is_more(word(&other["name"]), &object);
    }
    wrong.line(name, format!("all {} entries are as this version has them", wanted.len()))
}

/// The entry that nothing gets past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// As it should be.
    Whole,
    /// It is asked about something else, or somebody else is.
    Changed,
    /// It is not there, or without its answer all goes on.
    Loose,
    /// That can't be read.
    Unread,
}

/// Whether the guard is registered, and nothing passes without its answer.
pub(super) fn guard(facts: &Facts) -> Guard {
    let is_guard = |entry: &&Value| entry["name"] == admission::GUARD;
    let there = match &facts.validating {
        Answer::Unread(_) => return Guard::Unread,
        Answer::Missing => return Guard::Loose,
        Answer::Is(configuration) => entries(configuration).into_iter().find(is_guard),
    };
    let all = wanted("ValidatingWebhookConfiguration", &facts.namespace);
    let wanted = all.iter().flat_map(entries).find(is_guard);
    match (wanted, there) {
        (Some(_), Some(there)) if policy(there) != FAIL => Guard::Loose,
        (Some(wanted), Some(there)) if different(wanted, there).is_empty() => Guard::Whole,
        (_, Some(_)) => Guard::Changed,
        (_, None) => Guard::Loose,
    }
}

/// What to do where recover has had an entry let pass what nobody answers.
fn of_recover(record: &admission::Record, entry: &str) -> Option<String> {
    let admission::Record { opened, entries } = record;
    let what = format!("{} has let pass what nobody answers, since {}", opened.by, opened.since);
    entries.contains_key(entry).then(|| format!("{what}: kubectl netintent recover undo ends that"))
}

/// What becomes of a request without an answer.
fn policy(entry: &Value) -> &str {
    entry["failurePolicy"].as_str().unwrap_or(FAIL)
}

fn entries(configuration: &Value) -> Vec<&Value> {
    configuration["webhooks"].as_array().into_iter().flatten().collect()
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

/// How an entry differs from the one that there should be, but for what becomes of a request without an answer, and for whom
/// the API server trusts, which are told by themselves.
fn different(wanted: &Value, there: &Value) -> Vec<Difference> {
    let mut there = there.clone();
    there["failurePolicy"] = policy(wanted).into();
    if let Some(client) = there["clientConfig"].as_object_mut() {
        client.remove("caBundle");
    }
    differences(wanted, &there)
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
    let all = wanted("ValidatingAdmissionPolicy", &facts.namespace);
    let bound = wanted("ValidatingAdmissionPolicyBinding", &facts.namespace);
    let mut wrong = Wrong::default();
    lacking(&all, policies, "", &mut wrong);
    lacking(&bound, bindings, "the binding of ", &mut wrong);
    wrong.line(NAME, format!("all {} are as this version has them", all.len()))
}

/// What is missing in a list, or differs.
fn lacking(wanted: &[Value], there: &Value, what: &str, wrong: &mut Wrong) {
    for object in wanted {
        let name = &object["metadata"]["name"];
        let called = format!("{what}{}", word(name));
        let mut items = there["items"].as_array().into_iter().flatten();
        match items.find(|item| item["metadata"]["name"] == *name) {
            None => wrong.is_missing(&called),
            Some(there) => {
                let fields = differences(&object["spec"], &there["spec"]);
                wrong.differs(&called, &fields, &format!("{} {}", word(&object["kind"]), word(name)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::State;
    use super::super::tests::facts;
    use super::*;
    use serde_json::json;

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
        assert_eq!(weak.help, Some(format!("{AGAIN} --force-conflicts")));
        let gone = "guard.netintent.dev";
        for (pointer, value, expected) in [
            ("/matchConditions/0/expression", json!("false"), "matchConditions[0].expression differs"),
            ("/objectSelector", json!({"matchLabels": {"a": "b"}}), "objectSelector.matchLabels.a should not be there"),
            ("/rules/0/operations", json!(["CREATE"]), "rules[0].operations[1] is missing"),
            ("/clientConfig/service/path", json!("/livez"), "clientConfig.service.path is /livez in place of /guard"),
            ("/clientConfig/service/port", json!(8443), "clientConfig.service.port is 8443 in place of 443"),
            ("/clientConfig/service/name", json!("other"), "clientConfig.service.name is other in place of netintent"),
            (
                "/clientConfig/service/namespace",
                json!("x"),
                "clientConfig.service.namespace is x in place of netintent-system",
            ),
            ("/timeoutSeconds", json!(1), "timeoutSeconds is 1 in place of 10"),
            ("/matchPolicy", json!("Exact"), "matchPolicy is Exact in place of Equivalent"),
        ] {
            let line = of("ValidatingWebhookConfiguration", |c| {
                let (field, key) = pointer.rsplit_once('/').unwrap();
                c["webhooks"][3].pointer_mut(field).unwrap()[key] = value;
            });
            assert_eq!((line.state, line.text), (State::Bad, format!("of {gone} {expected}")));
            assert!(line.help.is_some_and(|help| help.contains(if expected.ends_with("there") {
                "edit"
            } else {
                AGAIN
            })));
        }
        // What was loosened hides nothing else.
        let both = of("MutatingWebhookConfiguration", |c| {
            c["webhooks"][0]["failurePolicy"] = "Ignore".into();
            c["webhooks"][0]["rules"] = json!([]);
        });
        let of = "of new.derive.netintent.dev";
        assert_eq!(both.text, format!("{of} failurePolicy is Ignore in place of Fail; {of} rules is missing"));
    }

    #[test]
    fn what_recover_has_loosened_says_who_did() {
        let line = of("MutatingWebhookConfiguration", |c| {
            c["webhooks"][0]["failurePolicy"] = "Ignore".into();
            let record =
                json!({"since": "2026-11-26T12:00:00Z", "by": "jane", "entries": {"new.derive.netintent.dev": "Fail"}});
            c["metadata"]["annotations"]["netintent.dev/recover"] = record.to_string().into();
        });
        let help = "jane has let pass what nobody answers, since 2026-11-26T12:00:00Z: kubectl netintent recover undo ends that";
        assert_eq!(line.help.as_deref(), Some(help));
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
        let of_modes = "of the binding of netintent-modes validationActions[0] is Audit in place of Deny";
        assert_eq!(line.text, format!("of netintent-keys validations[0].expression differs; {of_modes}"));
    }

    #[test]
    fn a_policy_that_is_asked_less_is_named() {
        let of = |kind: &str, pointer: &str, key: &str, value: Value| {
            let mut facts = facts();
            let answer = if kind == "policy" { &mut facts.policies } else { &mut facts.bindings };
            if let Answer::Is(list) = answer {
                list["items"][0]["spec"].pointer_mut(pointer).unwrap()[key] = value;
            }
            policies(&facts).text
        };
        for (pointer, key, value, expected) in [
            (
                "/matchConstraints/resourceRules/0",
                "operations",
                json!(["CREATE"]),
                "resourceRules[0].operations[1] is missing",
            ),
            (
                "/matchConstraints",
                "namespaceSelector",
                json!({"matchLabels": {"a": "b"}}),
                "namespaceSelector.matchLabels.a should not be there",
            ),
            (
                "/matchConstraints",
                "excludeResourceRules",
                json!([{"apiGroups": ["*"]}]),
                "excludeResourceRules should not be there",
            ),
        ] {
            let text = of("policy", pointer, key, value);
            assert_eq!(text, format!("of netintent-modes matchConstraints.{expected}"));
        }
        let condition = json!([{"name": "never", "expression": "false"}]);
        let text = of("policy", "", "matchConditions", condition);
        assert_eq!(text, "of netintent-modes matchConditions[0].expression differs");
        let text = of("policy", "", "paramKind", json!({"apiVersion": "v1", "kind": "ConfigMap"}));
        assert_eq!(text, "of netintent-modes paramKind.apiVersion should not be there");
        let selector = json!({"namespaceSelector": {"matchLabels": {"a": "b"}}, "matchPolicy": "Equivalent"});
        let text = of("binding", "", "matchResources", selector);
        let expected = "matchResources.namespaceSelector.matchLabels.a should not be there";
        assert_eq!(text, format!("of the binding of netintent-modes {expected}"));
        let nothing = json!({"namespaceSelector": {}, "objectSelector": {}, "matchPolicy": "Equivalent"});
        assert_eq!(of("binding", "", "matchResources", nothing), "all 5 are as this version has them");
    }
}
