//! Does what `explain` says to do, as its reader would.

use netintent::callee::CalleePattern;
use netintent::explain::{Explanation, Fix, Question};
use netintent::intent;
use netintent::manifest::{Object, decode, text};
use netintent::names;
use netintent::objects::{Metadata, Namespace, Objects};
use netintent::resolve::Subject;
use netintent::selector::Labels;
use netintent::snapshot::Snapshot;

use crate::generate::{self, metadata};

/// Where nothing can be done by those who are told: a prohibition stands.
pub(crate) fn hopeless(explanation: &Explanation) -> bool {
    explanation.fixes.iter().any(|fix| fix.what.starts_with("ask the platform team"))
}

fn read(manifest: &str) -> Object {
    let documents = text::documents(manifest.as_bytes()).unwrap();
    let node = text::parse(&documents[0]).unwrap().unwrap();
    decode(&node, 0, "default").unwrap_or_else(|e| panic!("{e}\n{manifest}")).objects.remove(0)
}

/// Does one thing that is said.
pub(crate) fn apply(objects: &mut Objects, snapshot: &Snapshot, question: &Question, fix: &Fix) {
    let paste = fix.paste.as_deref().unwrap();
    if fix.what.starts_with("declare it") {
        declare(objects, snapshot, question, paste.trim_end().lines().next_back().unwrap().trim(), None);
    } else if let Some((_, declared)) = fix.what.split_once(" in place of ") {
        declare(objects, snapshot, question, paste, Some(declared));
    } else if fix.what.starts_with("let namespace") {
        set_mode(objects, paste);
    } else if let Some((_, policy)) = fix.what.split_once(": add this to NetworkPolicy ") {
        add_rule(objects, policy, paste);
    } else {
        let identity = |m: &Metadata| (m.namespace.clone(), m.name.clone());
        match read(paste) {
            Object::Approval(approval) => {
                objects.approvals.retain(|a| identity(&a.metadata) != identity(&approval.metadata));
                objects.approvals.push(*approval);
            }
            Object::Policy(policy) => {
                objects.policies.retain(|p| identity(&p.metadata) != identity(&policy.metadata));
                objects.policies.push(*policy);
            }
            other => panic!("not to be applied: {other:?}"),
        }
    }
}

/// Adds intents to the source's pods, and takes one out, there and at their `ServiceAccount`s.
fn declare(objects: &mut Objects, snapshot: &Snapshot, question: &Question, more: &str, less: Option<&str>) {
    let Subject::Workload(_, pods) = &question.source else { panic!("an address declares nothing") };
    let less = less.map(|text| CalleePattern::parse(text, None).unwrap());
    let without = |text: &str, namespace: &str| {
        let intents = intent::parse(text, namespace).intents.into_iter().map(|i| (*i.callee).clone());
        let kept: Vec<CalleePattern> = intents.filter(|callee| Some(callee) != less.as_ref()).collect();
        intent::print(&kept, namespace)
    };
    for pod in pods {
        let object = &mut objects.workloads[snapshot.pods[*pod as usize].object];
        let namespace = &object.metadata.namespace;
        let own = object.pod.calls.as_ref().map(|text| without(&text.value, namespace)).unwrap_or_default();
        object.pod.calls = Some(generate::text(format!("{own}{more}\n")));
        for account in &mut objects.service_accounts {
            let metadata = &mut account.metadata;
            if metadata.namespace == *namespace && metadata.name == object.pod.service_account {
                for (_, text) in metadata.annotations.iter_mut().filter(|(key, _)| key == names::CALLS) {
                    text.value = without(&text.value, namespace);
                }
            }
        }
    }
}

/// Runs `kubectl label namespace NAME KEY=VALUE`, which changes a label that is there only if told to.
fn set_mode(objects: &mut Objects, command: &str) {
    let words: Vec<&str> = command.split_whitespace().collect();
    let (overwrite, words): (Vec<&str>, Vec<&str>) = words.into_iter().partition(|word| *word == "--overwrite");
    let ["kubectl", "label", "namespace", name, label] = &words[..] else { panic!("unknown command: {command}") };
    let (key, value) = label.split_once('=').unwrap();
    if !objects.namespaces.iter().any(|n| n.metadata.name == *name) {
        objects.namespaces.push(Namespace { metadata: metadata("", name, Labels::default()) });
    }
    let namespace = objects.namespaces.iter_mut().find(|n| n.metadata.name == *name).unwrap();
    let labels = &mut namespace.metadata.labels;
    assert!(!overwrite.is_empty() || labels.get(key).is_none(), "{command}: the label is there already");
    labels.insert(key, value);
}

/// Adds rules to a policy that stands in the input.
fn add_rule(objects: &mut Objects, name: &str, paste: &str) {
    let head =
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: more}\nspec:\n  podSelector: {}\n";
    let Object::Policy(mut more) = read(&format!("{head}{paste}")) else { panic!("no policy: {paste}") };
    let policy = objects.policies.iter_mut().find(|p| p.metadata.full_name() == name);
    let policy = policy.unwrap_or_else(|| panic!("nobody wrote NetworkPolicy {name}"));
    let way = if paste.trim_start().starts_with("ingress") { &mut policy.ingress } else { &mut policy.egress };
    let rules = if paste.trim_start().starts_with("ingress") { &mut more.ingress } else { &mut more.egress };
    way.as_mut().unwrap().append(rules.as_mut().unwrap());
}
