use super::admission::{GUARD, Record, admit, is_guarded, open, readmit, recorded, unlike_guard, waiting};
use super::{Opened, policy};
use crate::policy::NetworkPolicy;
use crate::testing::{NOW, objects, service};
use serde_json::{Value, json};

fn by() -> Opened {
    Opened::now("jane", NOW.parse().unwrap())
}

fn configuration(policies: &[(&str, &str)], annotations: Value) -> Value {
    let entries: Vec<Value> =
        policies.iter().map(|(name, policy)| json!({"name": name, "failurePolicy": policy})).collect();
    let mut object = json!({"metadata": {"name": "netintent", "resourceVersion": "7"}, "webhooks": entries});
    if !annotations.is_null() {
        object["metadata"]["annotations"] = annotations;
    }
    object
}

fn patched(object: &Value, patch: &Value) -> Value {
    let mut object = object.clone();
    for operation in patch.as_array().unwrap() {
        let path = operation["path"].as_str().unwrap();
        let (parent, key) = path.rsplit_once('/').unwrap();
        let key = key.replace("~1", "/");
        match operation["op"].as_str().unwrap() {
            "test" => assert_eq!(object.pointer(path), Some(&operation["value"]), "{path}"),
            "remove" => {
                assert!(object.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(&key).is_some());
            }
            _ => object.pointer_mut(parent).unwrap()[&*key] = operation["value"].clone(),
        }
    }
    object
}

const ENTRIES: [(&str, &str); 5] = [
    ("new.derive.netintent.dev", "Fail"),
    ("enforce.derive.netintent.dev", "Ignore"),
    ("new.workloads.netintent.dev", "Fail"),
    ("guard.netintent.dev", "Fail"),
    ("approvals.netintent.dev", "Ignore"),
];

#[test]
fn what_waits_is_opened_and_put_back_and_the_guard_never() {
    for annotations in [Value::Null, json!({}), json!({"a": "b"})] {
        let before = configuration(&ENTRIES, annotations.clone());
        assert_eq!(waiting(&before), ["new.derive.netintent.dev", "new.workloads.netintent.dev"]);
        let change = admit(&before, &by()).unwrap().unwrap();
        assert_eq!(change.entries, waiting(&before));
        let during = patched(&before, &change.patch);
        assert_eq!(during.pointer("/webhooks/3/failurePolicy"), Some(&json!("Fail")), "the guard");
        let record = recorded(&during).unwrap().unwrap();
        assert_eq!((record.opened.by.as_str(), record.entries.len()), ("jane", 2));
        assert_eq!(open(&during, &record), change.entries);
        assert_eq!((waiting(&during).len(), admit(&during, &by())), (0, Ok(None)), "once is enough");
        let back = readmit(&during).unwrap().unwrap();
        assert_eq!(back.entries, change.entries);
        let mut after = patched(&during, &back.patch);
        // Without an annotation the API server keeps no map of them.
        if annotations.is_null() {
            after["metadata"].as_object_mut().unwrap().remove("annotations");
        }
        assert_eq!(after, before);
        assert_eq!(readmit(&after), Ok(None));
    }
}

#[test]
fn what_is_asked_otherwise_than_the_guard_is_told() {
    let asked = |object: &mut Value, bundle: &str, port: u64, path: &str| {
        for entry in object["webhooks"].as_array_mut().unwrap() {
            let service = json!({"namespace": "a", "name": "b", "port": port, "path": path});
            entry["clientConfig"] = json!({"caBundle": bundle, "service": service});
        }
    };
    let mut guards = configuration(&[(GUARD, "Fail")], Value::Null);
    asked(&mut guards, "one", 443, "/judge");
    let mut derives = configuration(&ENTRIES[..1], Value::Null);
    asked(&mut derives, "one", 443, "/derive");
    let mut opened = patched(&derives, &admit(&derives, &by()).unwrap().unwrap().patch);
    assert_eq!((unlike_guard(&opened, &guards), unlike_guard(&derives, &guards)), (None, None));
    asked(&mut opened, "two", 443, "/derive");
    assert_eq!(unlike_guard(&opened, &guards), Some("new.derive.netintent.dev"));
    asked(&mut opened, "one", 444, "/derive");
    assert_eq!(unlike_guard(&opened, &guards), Some("new.derive.netintent.dev"));
    opened["webhooks"][0]["clientConfig"] = json!({"caBundle": "one", "url": "https://a:1/derive"});
    assert_eq!(unlike_guard(&opened, &guards), Some("new.derive.netintent.dev"));
    guards["webhooks"][0]["clientConfig"] = json!({"caBundle": "one", "url": "https://a:1/judge"});
    assert_eq!(unlike_guard(&opened, &guards), None);
    assert!(unlike_guard(&opened, &json!({})).is_some(), "nothing is known of it without a guard");
}

#[test]
fn a_guard_that_lets_pass_what_nobody_answers_is_none() {
    let (waits, open) =
        (configuration(&[(GUARD, "Fail")], Value::Null), configuration(&[(GUARD, "Ignore")], Value::Null));
    assert!(is_guarded([&open, &waits]) && !is_guarded([&open]) && !is_guarded([&configuration(&[], Value::Null)]));
}

#[test]
fn what_somebody_has_changed_since_stays() {
    let before = configuration(&ENTRIES, Value::Null);
    let mut during = patched(&before, &admit(&before, &by()).unwrap().unwrap().patch);
    // Somebody applies the manifests again: one entry waits, one is gone.
    during["webhooks"][0]["failurePolicy"] = "Fail".into();
    during["webhooks"].as_array_mut().unwrap().remove(2);
    let back = readmit(&during).unwrap().unwrap();
    assert_eq!(back.entries, [""; 0]);
    assert_eq!(recorded(&patched(&during, &back.patch)), Ok(None));
    // Opened once more, the first one who did it is named, and both are put back.
    let again = patched(&during, &admit(&during, &Opened::now("joe", NOW.parse().unwrap())).unwrap().unwrap().patch);
    let record = recorded(&again).unwrap().unwrap();
    assert_eq!((record.opened.by.as_str(), open(&again, &record).len()), ("jane", 1));
}

#[test]
fn a_record_that_nobody_has_written_so_puts_nothing_back() {
    let record = |entries: Value| json!({"since": NOW, "by": "x", "entries": entries}).to_string();
    assert!(Record::parse(&record(json!({"new.derive.netintent.dev": "Fail"}))).is_ok());
    for text in [
        String::new(),
        "[]".to_owned(),
        record(json!([])),
        record(json!({"guard.netintent.dev": "Fail"})),
        record(json!({"new.derive.netintent.dev": "Ignore"})),
        json!({"by": "x", "entries": {}}).to_string(),
        json!({"since": NOW, "entries": {}}).to_string(),
    ] {
        assert!(Record::parse(&text).is_err(), "{text}");
        let object = configuration(&ENTRIES, json!({"netintent.dev/recover": text}));
        assert!(readmit(&object).is_err() && admit(&object, &by()).is_err(), "{text}");
    }
}

fn opening(manifest: &str) -> Option<NetworkPolicy> {
    let until = "2027-01-01T02:00:00Z".parse().unwrap();
    policy::open(&objects(manifest).services[0], &policy::Record { opened: by(), until })
}

#[test]
fn a_service_is_opened_on_its_ports_for_everybody() {
    let policy = opening(&service("bank", "ledger")).unwrap();
    let [rule] = &policy.ingress.as_ref().unwrap()[..] else { panic!("{policy:?}") };
    assert_eq!((rule.peers.len(), rule.ports.len(), policy.pods.to_string().as_str()), (0, 2, "app=ledger"));
    let metadata = &policy.metadata;
    assert_eq!(policy::service(&metadata.name, &metadata.labels), Some("ledger"));
    let record = policy::Record::parse(&metadata.annotation(crate::names::RECOVER).unwrap().value).unwrap();
    assert_eq!((record.opened, record.until.to_string().as_str()), (by(), "2027-01-01T02:00:00Z"));
    // The policy of a Service of another name can't have the name, nor is one without our label ours.
    assert!(!crate::names::is_dns_label(metadata.name.strip_prefix("netintent").unwrap_or_default()));
    assert_eq!(policy::service(&metadata.name, &crate::selector::Labels::default()), None);
    assert_eq!(policy::service("netintent-ledger", &metadata.labels), None);
    for none in [
        "apiVersion: v1\nkind: Service\nmetadata: {namespace: bank, name: a}\nspec: {ports: [{port: 80}]}\n",
        "apiVersion: v1\nkind: Service\nmetadata: {namespace: bank, name: a}\nspec: {clusterIP: None, selector: {app: a}}\n",
    ] {
        assert_eq!(opening(none), None, "{none}");
    }
}

#[test]
fn a_service_is_closed_by_a_policy_that_selects_all_its_pods() {
    let service = service("bank", "ledger");
    let closed = |namespace: &str, name: &str, spec: &str| {
        let policy = format!(
            "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{namespace: {namespace}, name: {name}}}\nspec: \
             {{{spec}}}\n"
        );
        let objects = objects(&(service.clone() + &policy));
        policy::is_closed(&objects.services[0], &objects.policies)
    };
    assert!(closed("bank", "a", "podSelector: {}"));
    assert!(closed("bank", "a", "podSelector: {matchLabels: {app: ledger}}"));
    assert!(!closed("bank", "a", "podSelector: {matchLabels: {app: ledger, tier: a}}"), "of some of its pods alone");
    assert!(!closed("bank", "a", "podSelector: {}, policyTypes: [Egress]"));
    assert!(!closed("shop", "a", "podSelector: {}"));
    assert!(!closed("bank", "netintent.recover.ledger", "podSelector: {}"), "it opens");
}

#[test]
fn a_pod_is_closed_by_a_policy_that_selects_it_whatever_the_service_selects_by() {
    let policy = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: bank, name: a}\nspec: \
                  {podSelector: {matchExpressions: [{key: tier, operator: In, values: [a, b]}]}}\n";
    let objects = objects(&(service("bank", "ledger") + policy));
    let closed = |tier: &str| {
        let pod = [("app", "ledger"), ("tier", tier)].into_iter().collect();
        policy::is_pod_closed(&objects.services[0], &objects.policies, &pod)
    };
    assert!(!policy::is_closed(&objects.services[0], &objects.policies));
    assert_eq!((closed("a"), closed("c")), (true, false));
}
