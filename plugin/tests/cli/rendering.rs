//! `render`: the policies of the demo, written by hand from its manifests and the design, and what else it prints.

use std::fs;

use serde_json::{Value, json};

use crate::run::{Said, run, run_on};
use crate::values;

const DEMO: [&str; 2] = ["-f", "manifests/demo"];

/// A rule: the pod's port, and the label keys that open it, `netintent.dev` left out of them.
type Rule = (&'static str, &'static str);

/// The Services in enforce, which select by the label `app` of their name, and the rules for their ports in order.
const SERVICES: &[(&str, &str, &[Rule])] = &[
    (
        "bank",
        "cards",
        &[(
            // A number, and the port has no name: intents call it by that of the Service.
            "8443",
            "cards.bank.to/8443 cards.bank.to/all.ports bank.to/8443 bank.to/all.ports to/8443 to/all.ports",
        )],
    ),
    (
        "bank",
        "ledger",
        &[
            ("rpc", "ledger.bank.to/rpc ledger.bank.to/all.ports bank.to/rpc bank.to/all.ports to/rpc to/all.ports"),
            (
                "metrics",
                "ledger.bank.to/metrics ledger.bank.to/all.ports bank.to/metrics bank.to/all.ports to/metrics to/all.ports",
            ),
        ],
    ),
    (
        "bank",
        "ledger-db",
        &[
            (
                "postgres",
                "ledger-db.bank.to/postgres ledger-db.bank.to/all.ports bank.to/postgres bank.to/all.ports to/postgres to/all.ports",
            ),
            (
                "metrics",
                "ledger-db.bank.to/metrics ledger-db.bank.to/all.ports bank.to/metrics bank.to/all.ports to/metrics to/all.ports",
            ),
        ],
    ),
    (
        "shop",
        "cart",
        &[
            ("http", "cart.shop.to/http cart.shop.to/all.ports shop.to/http shop.to/all.ports to/http to/all.ports"),
            (
                "metrics",
                "cart.shop.to/metrics cart.shop.to/all.ports shop.to/metrics shop.to/all.ports to/metrics to/all.ports",
            ),
        ],
    ),
    (
        "shop",
        "cart-cache",
        &[(
            "6379",
            "cart-cache.shop.to/6379 cart-cache.shop.to/all.ports shop.to/6379 shop.to/all.ports to/6379 to/all.ports",
        )],
    ),
    (
        "shop",
        "frontend",
        &[
            (
                "http",
                "frontend.shop.to/http frontend.shop.to/all.ports shop.to/http shop.to/all.ports to/http to/all.ports",
            ),
            (
                "metrics",
                "frontend.shop.to/metrics frontend.shop.to/all.ports shop.to/metrics shop.to/all.ports to/metrics to/all.ports",
            ),
        ],
    ),
];

/// What enforcing the platform, which is in shadow, would add.
const PLATFORM: (&str, &str, &[Rule]) = (
    "platform",
    "prometheus",
    &[(
        "web",
        "prometheus.platform.to/web prometheus.platform.to/all.ports platform.to/web platform.to/all.ports to/web to/all.ports",
    )],
);

fn object(namespace: &str, name: &str, annotations: &Value, spec: &Value) -> Value {
    let mut metadata = json!({
        "name": name,
        "namespace": namespace,
        "labels": {"app.kubernetes.io/managed-by": "netintent"},
    });
    if !annotations.is_null() {
        metadata["annotations"] = annotations.clone();
    }
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec})
}

/// The policy that closes a namespace.
fn of_namespace(namespace: &str) -> Value {
    let spec = json!({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": []});
    object(namespace, "netintent", &Value::Null, &spec)
}

fn of_service((namespace, service, rules): &(&str, &str, &[Rule])) -> Value {
    let mut ingress = Vec::new();
    for (port, keys) in *rules {
        let mut from: Vec<Value> = Vec::new();
        for key in keys.split(' ') {
            let key = key.replace("to/", "to.netintent.dev/");
            let managed = json!({"key": "netintent.dev/mode", "operator": "In", "values": ["shadow", "enforce"]});
            from.push(json!({
                "podSelector": {"matchLabels": {key: "allowed"}},
                "namespaceSelector": {"matchExpressions": [managed]},
            }));
        }
        // The one `from` of the demo: Approval shop/ingress-controller.
        if (*service, *port) == ("frontend", "http") {
            from.push(json!({
                "podSelector": {"matchLabels": {"app": "ingress-controller"}},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "platform"}},
            }));
        }
        let port = port.parse::<u16>().map_or_else(|_| json!(port), |number| json!(number));
        ingress.push(json!({"from": from, "ports": [{"protocol": "TCP", "port": port}]}));
    }
    let own = json!({"matchLabels": {"app": service}});
    ingress.push(json!({"from": [{"podSelector": own}]}));
    let spec = json!({"podSelector": own, "policyTypes": ["Ingress"], "ingress": ingress});
    object(namespace, &format!("netintent-{service}"), &json!({"netintent.dev/service": service}), &spec)
}

/// Everything that is on standard output, where there is nothing else to say.
fn rendered(args: &[&str]) -> String {
    let said = run(&[&["render"], args, &DEMO].concat());
    assert_eq!((said.status, said.stderr.as_str()), (0, ""), "{args:?}");
    said.stdout
}

/// The objects of YAML documents.
fn documents(text: &str) -> Vec<Value> {
    text.split("---\n").map(values::yaml).collect()
}

/// The same values, whatever the order of their fields.
fn same(found: &[Value], expected: &[Value]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected, "found {found:#} and expected {expected:#}");
    }
}

#[test]
fn the_demo_has_the_policies_of_the_design() {
    let mut expected = vec![of_namespace("bank")];
    expected.extend(SERVICES.iter().filter(|s| s.0 == "bank").map(of_service));
    let platform = [of_namespace("platform"), of_service(&PLATFORM)];
    let mut enforced = [expected.clone(), platform.to_vec()].concat();
    let shop: Vec<Value> =
        [of_namespace("shop")].into_iter().chain(SERVICES.iter().filter(|s| s.0 == "shop").map(of_service)).collect();
    expected.extend(shop.clone());
    enforced.extend(shop);
    same(&documents(&rendered(&[])), &expected);
    same(&documents(&rendered(&["--mode", "*=enforce"])), &enforced);
    let list = values::json(&rendered(&["-o", "json"]));
    assert_eq!((&list["apiVersion"], &list["kind"]), (&json!("v1"), &json!("List")));
    same(list["items"].as_array().unwrap(), &expected);
}

#[test]
fn each_document_says_what_it_is_for() {
    let text = rendered(&[]);
    let comments: Vec<&str> = text.split("---\n").map(|document| document.lines().next().unwrap()).collect();
    let namespace = |name: &str| format!("# Namespace {name}, in enforce: what no Service covers is closed");
    let mut expected = Vec::new();
    for (at, (space, name, _)) in SERVICES.iter().enumerate() {
        if at == 0 || SERVICES[at - 1].0 != *space {
            expected.push(namespace(space));
        }
        expected.push(format!("# Service {space}/{name}, in enforce"));
    }
    assert_eq!(comments, expected);
}

#[test]
fn names_are_one_a_line() {
    let expected = [
        "bank/networkpolicy.networking.k8s.io/netintent",
        "bank/networkpolicy.networking.k8s.io/netintent-cards",
        "bank/networkpolicy.networking.k8s.io/netintent-ledger",
        "bank/networkpolicy.networking.k8s.io/netintent-ledger-db",
        "shop/networkpolicy.networking.k8s.io/netintent",
        "shop/networkpolicy.networking.k8s.io/netintent-cart",
        "shop/networkpolicy.networking.k8s.io/netintent-cart-cache",
        "shop/networkpolicy.networking.k8s.io/netintent-frontend",
    ];
    assert_eq!(rendered(&["-o", "name"]).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn services_that_are_named_are_rendered_alone_and_once() {
    let names = |args: &[&str]| rendered(&[&["-o", "name"], args].concat());
    let (ledger, cart) = (
        "bank/networkpolicy.networking.k8s.io/netintent-ledger\n",
        "shop/networkpolicy.networking.k8s.io/netintent-cart\n",
    );
    assert_eq!(names(&["bank/ledger"]), ledger);
    assert_eq!(names(&["shop/svc/cart", "ledger", "bank/ledger"]), ledger.to_owned() + cart);
    assert_eq!(names(&["-n", "shop", "cart"]), cart);
    assert_eq!(documents(&rendered(&["bank/ledger"])), [of_service(&SERVICES[1])]);
}

/// Whoever keeps the rendered policies with the manifests changes nothing, and renders the same again.
#[test]
fn added_to_the_demo_the_policies_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mode: [&[&str]; 2] = [&[], &["--mode", "*=enforce"]];
    for (at, mode) in mode.into_iter().enumerate() {
        for format in ["yaml", "json"] {
            let text = rendered(&[mode, &["-o", format]].concat());
            assert_eq!(text, rendered(&[mode, &["-o", format]].concat()), "another run, another text");
            let file = folder.path().join(format!("policies-{at}.{format}"));
            fs::write(&file, &text).unwrap();
            let added = ["-f", file.to_str().unwrap()];
            for view in
                [&["list", "-o", "json"][..], &["list"], &["list", "--declared"], &["list", "--self", "--grouped"]]
            {
                let said = |more: &[&str]| {
                    let Said { status, stdout, stderr } = run(&[view, mode, &DEMO, more].concat());
                    (status, stdout, stderr)
                };
                assert_eq!(said(&[]), said(&added), "{view:?} {format}");
            }
            assert_eq!(rendered(&[mode, &["-o", format], &added].concat()), text);
        }
    }
}

#[test]
fn a_policy_of_the_name_in_the_input_is_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("old.yaml");
    let text = rendered(&[]);
    let edited = text.replacen("cards.bank.to.netintent.dev/8443: allowed", "app: everybody", 1);
    assert_ne!(text, edited);
    fs::write(&file, edited).unwrap();
    let file = file.to_str().unwrap();
    let said = run(&[&["render"], &DEMO[..], &["-f", file]].concat());
    let line = text.lines().position(|line| line == "# Service bank/cards, in enforce").unwrap() + 2;
    let warning = format!(
        "warning: {file}:{line}:1: NetworkPolicy bank/netintent-cards is not what enforce gives its Service, and holds as it \
         stands here; remove it, or put what is rendered in its place\n"
    );
    assert_eq!((said.status, said.stdout, said.stderr), (0, text, warning));
    // Of others nothing is said.
    let said = run(&[&["render", "shop/cart"], &DEMO[..], &["-f", file]].concat());
    assert_eq!((said.status, said.stderr.as_str()), (0, ""));
}

#[test]
fn nothing_to_render_is_told() {
    let hint =
        "No policies: no Service and no namespace is in enforce. --mode '*=enforce' shows what enforcing would add.\n";
    let none = |args: &[&str], note: &str| {
        for format in ["yaml", "name"] {
            let said = run(&[&["render", "-o", format], args].concat());
            assert_eq!((said.status, said.stdout.as_str(), said.stderr.as_str()), (0, "", note), "{args:?}");
        }
        // What reads JSON would take no text at all for an error.
        let said = run(&[&["render", "-o", "json"], args].concat());
        assert_eq!((said.status, said.stderr.as_str()), (0, note), "{args:?}");
        assert_eq!(values::json(&said.stdout), json!({"apiVersion": "v1", "kind": "List", "items": []}));
    };
    none(&["-f", "manifests/plain"], hint);
    none(&["--mode", "*=shadow", "-f", "manifests/demo"], hint);
    none(
        &["platform/prometheus", "-f", "manifests/demo"],
        "Service platform/prometheus has no policy: its namespace is in shadow. --mode platform=enforce shows the one it \
         would have.\n",
    );
    let only = "{apiVersion: netintent.dev/v1alpha1, kind: ClusterApproval, metadata: {name: a}, spec: {callers: [a/b], \
                callees: [\"*/*\"]}}";
    let said = run_on(only, &["render", "--mode", "*=enforce"]);
    assert_eq!(said.stderr, "No policies: no Service and no namespace is in enforce.\n");
}

#[test]
fn a_service_that_can_have_no_policy_is_told() {
    let service = |labels: &str, spec: &str| {
        format!(
            "{{apiVersion: v1, kind: Service, metadata: {{name: a, namespace: bank, labels: {labels}}}, spec: {spec}}}"
        )
    };
    let bare = service("{netintent.dev/mode: enforce}", "{ports: [{port: 80}]}");
    let said = run_on(&bare, &["render", "--mode", "bank=shadow"]);
    assert_eq!((said.status, said.stdout.as_str()), (0, ""));
    assert!(said.stderr.ends_with("No policies: what is in enforce can have none.\n"), "{}", said.stderr);
    let said = run_on(&bare, &["render", "a", "--mode", "bank=shadow"]);
    assert!(said.stderr.ends_with("Service bank/a has no policy: nothing can stand before it.\n"), "{}", said.stderr);
    let own = service("{netintent.dev/mode: shadow}", "{selector: {app: a}, ports: [{port: 80}]}");
    let said = run_on(&own, &["render", "a", "--mode", "bank=enforce"]);
    assert_eq!((said.status, said.stdout.as_str()), (0, ""));
    assert!(said.stderr.ends_with("Service bank/a has no policy: its own label says shadow.\n"), "{}", said.stderr);
}

/// In whatever format, nothing comes out before everything is read.
#[test]
fn no_partial_output() {
    for format in ["yaml", "json", "name"] {
        let said = run_on("apiVersion: v1\nkind: Service\nmetadata: {name: 1}\n", &["render", "-o", format]);
        assert_eq!((said.status, said.stdout.as_str()), (2, ""), "{format}");
    }
}

#[test]
fn list_follows_a_tampered_policy_and_check_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policies.yaml");
    let path = file.to_str().unwrap();
    let checked = |more: &[&str]| run(&[&["check", "-o", "name"], &DEMO[..], more].concat()).stdout;
    let text = rendered(&[]);
    fs::write(&file, &text).unwrap();
    assert_eq!(checked(&["-f", path]), checked(&[]), "what is rendered is no finding");

    let connections = |more: &[&str]| run(&[&["list", "-o", "json"], &DEMO[..], more].concat()).stdout;
    let has = |json: &str| {
        let list = values::json(json);
        list["items"].as_array().unwrap().iter().any(|item| {
            values::end(&item["source"]) == "shop/Deployment/frontend"
                && values::end(&item["destination"]) == "bank/Deployment/cards"
        })
    };
    assert!(!has(&connections(&["-f", path])));
    fs::write(&file, text.replacen("cards.bank.to.netintent.dev/8443: allowed", "app: frontend", 1)).unwrap();
    assert!(has(&connections(&["-f", path])), "the file holds");
    let found = checked(&["-f", path]);
    let line = text.lines().position(|line| line == "# Service bank/cards, in enforce").unwrap() + 2;
    assert!(found.contains(&format!("{path}:{line}:1: edited-policy\n")), "{found}");
    // What it lets in beyond ours is told too.
    assert!(found.contains(": undeclared-connection\n"), "{found}");
}
