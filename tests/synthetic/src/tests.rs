//! The output is read back line by line, without the planner, and held against what the shape promises.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// What the tests need of a document.
#[derive(Clone, Debug, Default, PartialEq)]
struct Read {
    kind: String,
    namespace: String,
    name: String,
    caller: String,
    calls: Vec<String>,
    callers: Vec<String>,
    callees: Vec<String>,
    text: String,
}

fn shape() -> Shape {
    Shape { services: 300, intents: 1_860, namespaces: 12, ..Shape::default() }
}

fn value<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(start))
}

fn list(text: &str, start: &str) -> Vec<String> {
    let inner = value(text, start).unwrap_or_default().trim_matches(['[', ']']);
    let items = inner.split(", ").filter(|item| !item.is_empty());
    items.map(|item| item.trim_matches('"').to_owned()).collect()
}

fn read(files: &[File]) -> Vec<Read> {
    let documents = files.iter().flat_map(|file| file.text.split("---\n"));
    documents
        .map(|text| {
            let name = value(text, "  name: ").unwrap_or_default().to_owned();
            let trimmed = text.lines().map(str::trim).collect::<Vec<_>>();
            let start = trimmed.iter().position(|&line| line == "netintent.dev/calls: |");
            let body = start.map_or(&[][..], |start| &trimmed[start + 1..]);
            let calls = body.iter().take_while(|&&line| line != "spec:");
            let caller = trimmed.iter().find_map(|line| line.strip_prefix("netintent.dev/caller: "));
            Read {
                kind: value(text, "kind: ").unwrap_or_default().to_owned(),
                namespace: value(text, "  namespace: ").unwrap_or_default().to_owned(),
                caller: caller.unwrap_or(&name).to_owned(),
                name,
                calls: calls.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect(),
                callers: list(text, "  callers: "),
                callees: list(text, "  callees: "),
                text: text.to_owned(),
            }
        })
        .collect()
}

fn is_wildcard(intent: &str) -> bool {
    intent.contains('*') || intent.starts_with('@')
}

/// Every intent without wildcards: caller's namespace and name, callee in full.
fn intents(documents: &[Read]) -> Vec<(String, String, String)> {
    let all = documents.iter().flat_map(|document| document.calls.iter().map(move |call| (document, call)));
    all.filter(|(_, call)| !is_wildcard(call))
        .map(|(document, call)| {
            let local = format!("{}/{call}", document.namespace);
            let callee = if call.contains('/') { call.clone() } else { local };
            (document.namespace.clone(), document.caller.clone(), callee)
        })
        .collect()
}

/// Whether any approval covers the intent, by the rules of the design.
fn is_approved(by_namespace: &BTreeMap<&str, Vec<&Read>>, intent: &(String, String, String)) -> bool {
    let (from, caller, callee) = intent;
    let (to, wanted) = callee.split_once('/').unwrap_or_default();
    let service = wanted.split(':').next().unwrap_or_default();
    let approvals = |namespace| by_namespace.get(namespace).into_iter().flatten();
    approvals(to).chain(approvals("")).any(|approval| {
        let prefix = if approval.namespace.is_empty() { format!("{to}/") } else { String::new() };
        approval.callers.iter().any(|pattern| {
            let pattern = match pattern.strip_prefix("./") {
                Some(name) => format!("{to}/{name}"),
                None => pattern.clone(),
            };
            pattern == "*/*" || pattern == format!("{from}/*") || pattern == format!("{from}/{caller}")
        }) && approval.callees.iter().any(|pattern| {
            let pattern = pattern.strip_prefix(&prefix).unwrap_or_default();
            let port = wanted.split_once(':').map(|(_, port)| format!("*:{port}"));
            pattern == "*" || pattern == service || pattern == wanted || Some(pattern) == port.as_deref()
        })
    })
}

fn unapproved(documents: &[Read]) -> usize {
    let mut by_namespace: BTreeMap<&str, Vec<&Read>> = BTreeMap::new();
    for document in documents.iter().filter(|document| document.kind.ends_with("Approval")) {
        by_namespace.entry(&document.namespace).or_default().push(document);
    }
    intents(documents).iter().filter(|intent| !is_approved(&by_namespace, intent)).count()
}

#[test]
fn the_number_of_intents_is_exact_and_none_is_twice() {
    for seed in 0..5 {
        let intents = intents(&read(&synthesize(&Shape { seed, ..shape() })));
        assert_eq!(intents.len(), 1_860);
        assert_eq!(intents.iter().collect::<BTreeSet<_>>().len(), 1_860);
    }
}

#[test]
fn the_same_shape_gives_the_same_bytes_and_another_seed_others() {
    assert_eq!(synthesize(&shape()), synthesize(&shape()));
    assert_ne!(synthesize(&shape()), synthesize(&Shape { seed: 2, ..shape() }));
}

#[test]
fn every_intent_names_a_service_and_a_port_that_exist() {
    let documents = read(&synthesize(&shape()));
    let mut known = BTreeSet::new();
    for service in documents.iter().filter(|document| document.kind == "Service") {
        let full = format!("{}/{}", service.namespace, service.name);
        for line in service.text.lines() {
            let named = line.strip_prefix("    - name: ");
            if let Some(port) = named.or_else(|| line.strip_prefix("    - port: ")) {
                known.insert(format!("{full}:{port}"));
            }
        }
        known.insert(full);
    }
    for (_, _, callee) in intents(&documents) {
        assert!(known.contains(&callee), "{callee}");
    }
}

#[test]
fn a_few_callees_have_very_many_callers_and_most_have_few() {
    let mut callers: BTreeMap<String, usize> = BTreeMap::new();
    for (_, _, callee) in intents(&read(&synthesize(&Shape::default()))) {
        *callers.entry(callee.split(':').next().unwrap_or_default().to_owned()).or_default() += 1;
    }
    let mut counts: Vec<usize> = callers.into_values().collect();
    counts.sort_unstable_by(|left, right| right.cmp(left));
    assert!(counts[0] > 300, "{counts:?}");
    assert!(counts[counts.len() / 2] <= 5, "{counts:?}");
    let head: usize = counts.iter().take(15).sum();
    assert!((9_300 / 5..9_300 / 2).contains(&head), "the first hundredth has {head}");
}

#[test]
fn no_pod_has_more_than_256_intents_or_16_kib_and_a_gateway_has_hundreds() {
    let shape = Shape { intents: 60_000, ..Shape::default() };
    let documents = read(&synthesize(&shape));
    assert_eq!(intents(&documents).len(), 60_000);
    let most = documents.iter().map(|document| document.calls.len()).max().unwrap_or_default();
    assert!((200..=256).contains(&most), "{most}");
    assert!(documents.iter().all(|document| document.calls.join("\n").len() < 15 * 1024));
    let documents = read(&synthesize(&Shape::default()));
    let gateway = documents.iter().find(|document| document.namespace == "edge" && document.calls.len() >= 240);
    assert!(gateway.is_some());
}

#[test]
fn the_stated_share_of_intents_is_unapproved() {
    for (seed, share, count) in [(1, 0.01, 19), (2, 0.01, 19), (3, 0.0, 0), (4, 0.3, 558)] {
        let files = synthesize(&Shape { seed, unapproved: share, ..shape() });
        assert_eq!(unapproved(&read(&files)), count, "seed {seed}");
        assert!(files[0].text.contains(&format!("unapproved {count}, ")));
        assert!(!files[0].text.contains("prohibited 0)"));
    }
}

#[test]
fn a_change_is_of_the_stated_size_and_touches_nothing_else() {
    let before = read(&synthesize(&shape()));
    let after = read(&synthesize(&Shape { change: 0.05, ..shape() }));
    let (old, new) = (intents(&before), intents(&after));
    let (old, new): (BTreeSet<_>, BTreeSet<_>) = (old.iter().collect(), new.iter().collect());
    // Of 93 changes two fifths go and as many come; the rest lose their approval.
    assert_eq!((old.difference(&new).count(), new.difference(&old).count()), (37, 37));
    let lost = unapproved(&after) - unapproved(&before);
    assert!((17..=20).contains(&lost), "{lost}");
    let without_edges = |documents: &[Read]| -> Vec<String> {
        let kept = documents.iter().filter(|document| !document.text.contains("netintent.dev/v1alpha1"));
        kept.map(|document| {
            let is_edge = |line: &&str| {
                document.calls.iter().any(|call| line.trim() == call) || line.contains("netintent.dev/calls")
            };
            document.text.lines().filter(|line| !is_edge(line) && *line != "      annotations:").collect()
        })
        .collect()
    };
    assert_eq!(without_edges(&before), without_edges(&after));
}

#[test]
fn names_are_unique_and_within_the_limits_of_the_api_server() {
    let shape = Shape { services: 4_000, namespaces: 90, ..shape() };
    let documents = read(&synthesize(&shape));
    let mut seen = BTreeSet::new();
    for document in &documents {
        assert!(seen.insert((&document.kind, &document.namespace, &document.name)), "{document:?}");
        for name in document.name.split('.') {
            let fits = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
            assert!(fits && !name.is_empty() && !name.starts_with('-') && !name.ends_with('-'), "{name}");
            // CronJobs leave room for the Job's suffix, StatefulSets for a hash.
            assert!(name.len() <= 52, "{name}");
        }
        assert!(document.kind.ends_with("Approval") || !document.name.contains('.'));
        for name in document.text.lines().filter_map(|line| line.trim_start().strip_prefix("- name: ")) {
            assert!(name.len() <= 15 || name.chars().any(char::is_uppercase), "{name}");
        }
    }
    for (_, _, callee) in intents(&documents) {
        assert!(callee.len() + ".to.netintent.dev".len() <= 253, "{callee}");
    }
}

#[test]
fn one_service_of_six_has_several_ports() {
    let documents = read(&synthesize(&Shape::default()));
    let services: Vec<_> = documents.iter().filter(|document| document.kind == "Service").collect();
    let several = services.iter().filter(|service| service.text.contains("name: metrics")).count();
    let unnamed = services.iter().filter(|service| service.text.contains("- port: ")).count();
    let headless = services.iter().filter(|service| service.text.contains("clusterIP: None")).count();
    assert_eq!(services.len(), 1_500);
    assert!((210..=290).contains(&several), "{several}");
    assert!((40..=120).contains(&unnamed), "{unnamed}");
    assert!(headless > 100, "{headless}");
}

#[test]
fn files_are_one_per_namespace_or_as_many_as_asked_for() {
    let by_namespace = synthesize(&shape());
    assert_eq!(by_namespace.len(), 13);
    assert_eq!(by_namespace[0].name, "cluster.yaml");
    let evenly = synthesize(&Shape { files: Some(40), ..shape() });
    assert_eq!(evenly.len(), 40);
    assert!(evenly.iter().all(|file| !file.text.is_empty()));
    assert_eq!(read(&by_namespace), read(&evenly));
}

#[test]
fn odd_shapes_give_what_fits() {
    for (services, count, namespaces, expected) in
        [(0, 10, 0, 0), (1, 10, 1, 0), (2, 10, 3, 2), (5, 1_000, 9, 20), (12, 50, 1, 50)]
    {
        let shape = Shape { services, intents: count, namespaces, change: 0.5, ..shape() };
        assert_eq!(intents(&read(&synthesize(&shape))).len(), expected, "{shape:?}");
    }
}
