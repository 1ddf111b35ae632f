use super::*;
use crate::testing::{deployment, service as manifest, snapshot};

const HOME: Home<'static> = Home { namespace: "default", only: false };

fn cluster() -> Snapshot {
    let cron = "---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {namespace: shop, name: cart}\nspec:\n  jobTemplate:\n    spec:\n      template:\n        spec: {containers: [{name: a, image: x}]}\n";
    let pod = "---\napiVersion: v1\nkind: Pod\nmetadata:\n  namespace: bank\n  name: ledger-5c6d-x2x\n  labels: {app: ledger, pod-template-hash: 5c6d}\n  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: ledger-5c6d, controller: true}]\nspec: {containers: [{name: a, image: x}]}\n";
    let renamed = deployment("bank", "worker", "").replace(
        "      labels: {app: worker}",
        "      labels: {app: worker}\n      annotations: {netintent.dev/caller: batch}",
    );
    let text = [
        deployment("shop", "frontend", ""),
        deployment("shop", "cart", ""),
        manifest("shop", "cart"),
        deployment("bank", "ledger", ""),
        manifest("bank", "ledger"),
        deployment("deploy", "frontend", ""),
        cron.to_owned(),
        pod.to_owned(),
        renamed,
    ];
    snapshot(&text.concat(), &[])
}

fn found(text: &str, role: Role) -> String {
    let snapshot = cluster();
    match resolve(&snapshot, text, role, HOME) {
        Ok(subject) => full_name(&snapshot, &subject),
        Err(error) => format!("{error}; {}", error.help.clone().unwrap_or_default()),
    }
}

#[test]
fn where_a_service_is_asked_for_nothing_else_will_do() {
    for (text, expected) in [
        ("bank/ledger", "bank/service/ledger"),
        ("ledger", "bank/service/ledger"),
        ("bank/svc/ledger", "bank/service/ledger"),
        ("shop/frontend", "no Service `frontend` in namespace shop; "),
        ("bank/legder", "no Service `legder` in namespace bank; did you mean `ledger`?"),
        ("bank/cart", "no Service `cart` in namespace bank; did you mean `shop/cart`?"),
        ("bank/deploy/ledger", "no Service `ledger` in namespace bank; did you mean `bank/ledger`?"),
    ] {
        assert_eq!(found(text, Role::Service), expected, "{text}");
    }
    let snapshot = cluster();
    let found = service(&snapshot, "bank/ledger", HOME).unwrap();
    assert_eq!(snapshot.objects.services[found].metadata.full_name(), "bank/ledger");
    assert_eq!(service(&snapshot, "10.0.0.1", HOME).unwrap_err().message, "`10.0.0.1` is no Service");
}

#[test]
fn names_in_all_their_forms() {
    for (text, caller, callee) in [
        ("bank/ledger", "bank/deployment/ledger", "bank/service/ledger"),
        ("bank/deploy/ledger", "bank/deployment/ledger", "bank/deployment/ledger"),
        (
            "bank/svc/ledger",
            "no Service `ledger` in namespace bank; that is a Service; a caller is a workload, a pod or an address",
            "bank/service/ledger",
        ),
        ("deployments.apps/ledger", "bank/deployment/ledger", "bank/deployment/ledger"),
        ("ledger", "bank/deployment/ledger", "bank/service/ledger"),
        ("shop/cj/cart", "shop/cronjob/cart", "shop/cronjob/cart"),
        ("bank/pod/ledger-5c6d-x2x", "bank/deployment/ledger", "bank/deployment/ledger"),
        ("bank/batch", "bank/deployment/worker", "bank/deployment/worker"),
        ("10.0.0.1", "10.0.0.1", "10.0.0.1"),
        ("2001:db8::/32", "2001:db8::/32", "2001:db8::/32"),
    ] {
        assert_eq!(
            (found(text, Role::Caller).as_str(), found(text, Role::Callee).as_str()),
            (caller, callee),
            "{text}"
        );
    }
}

#[test]
fn a_namespace_wins_over_a_kind_of_the_same_name() {
    assert_eq!(found("deploy/frontend", Role::Caller), "deploy/deployment/frontend");
}

#[test]
fn a_running_pod_is_only_that_pod() {
    let snapshot = cluster();
    let Ok(Subject::Workload(at, pods)) = resolve(&snapshot, "bank/pod/ledger-5c6d-x2x", Role::Caller, HOME) else {
        panic!("a pod was expected")
    };
    assert_eq!((snapshot.workloads[at].pods.len(), pods.len()), (2, 1));
}

#[test]
fn errors_name_what_there_is() {
    for (text, role, expected) in [
        (
            "shop/cart",
            Role::Caller,
            "`shop/cart` can mean shop/cronjob/cart or shop/deployment/cart; write one of these in full",
        ),
        (
            "frontend",
            Role::Caller,
            "`frontend` can mean deploy/deployment/frontend or shop/deployment/frontend; write one of these in full",
        ),
        ("bank/legder", Role::Callee, "no Service or workload `legder` in namespace bank; did you mean `ledger`?"),
        ("bank/frontend", Role::Caller, "no workload `frontend` in namespace bank; did you mean `deploy/frontend`?"),
        ("bnak/ledger", Role::Callee, "no namespace `bnak`; did you mean `bank`?"),
        ("bank/deplyo/ledger", Role::Callee, "`deplyo` is no kind that can call or be called; did you mean `deploy`?"),
        ("a/b/c/d", Role::Callee, "`a/b/c/d` is no name: `namespace/name` or `namespace/kind/name` was expected; "),
        ("10.0.0.0/40", Role::Caller, "`40` is no prefix length for `10.0.0.0`; "),
    ] {
        assert_eq!(found(text, role), expected, "{text}");
    }
}

#[test]
fn a_given_namespace_is_the_only_home() {
    let snapshot = cluster();
    let only = |namespace| resolve(&snapshot, "ledger", Role::Callee, Home { namespace, only: true });
    assert!(only("bank").is_ok());
    assert_eq!(only("shop").unwrap_err().help.as_deref(), Some("did you mean `bank/ledger`?"));
}

#[test]
fn ports_after_the_name() {
    for (text, name, port) in [
        ("bank/ledger:rpc", "bank/ledger", Some("rpc")),
        ("bank/ledger", "bank/ledger", None),
        ("10.0.0.1:80", "10.0.0.1", Some("80")),
        ("10.0.0.0/8:53/UDP", "10.0.0.0/8", Some("53/UDP")),
        ("[2001:db8::1]:443", "2001:db8::1", Some("443")),
        ("2001:db8::1", "2001:db8::1", None),
        ("2001:db8::/32", "2001:db8::/32", None),
    ] {
        assert_eq!(split_port(text), (name, port), "{text}");
    }
}

#[test]
fn ports_of_a_service_by_name_or_number() {
    let snapshot = cluster();
    let ledger = snapshot.service("bank", "ledger").unwrap();
    assert_eq!(service_port(&snapshot, ledger, "http").unwrap().to_string(), "http");
    assert_eq!(
        service_port(&snapshot, ledger, "80").unwrap().to_string(),
        "http",
        "a number finds the port that has it"
    );
    let error = service_port(&snapshot, ledger, "metric").unwrap_err();
    assert_eq!(
        (error.message.as_str(), error.help.as_deref()),
        ("Service bank/ledger has no port `metric`", Some("did you mean `metrics`?"))
    );
    assert_eq!(
        service_port(&snapshot, ledger, "8080").unwrap_err().help.as_deref(),
        Some("its ports are http (80), metrics (9090)")
    );
}

#[test]
fn a_port_is_asked_about_as_it_is_written() {
    let snapshot =
        snapshot(&[deployment("bank", "ledger", ""), crate::testing::service("bank", "ledger")].concat(), &[]);
    let pods = resolve(&snapshot, "bank/deploy/ledger", Role::Callee, HOME).unwrap();
    let asked = |text: &str| asked_port(&snapshot, &pods, text).map_err(|error| error.message);
    assert_eq!(asked("53/udp"), Ok(AskedPort::Number(Protocol::Udp, 53)));
    assert_eq!(asked("http"), Ok(AskedPort::Named("http".into())));
    for (text, message) in [
        ("http/UDP", "`http/UDP`: a port by name has the protocol that the pod gives it"),
        ("080", "`080` is no port number: 1 to 65535 was expected"),
        ("+80", "pods of Deployment bank/ledger have no port `+80`"),
        ("80/x", "`80/x` has no known protocol"),
    ] {
        assert_eq!(asked(text), Err(message.to_owned()));
    }
    let of_service = resolve(&snapshot, "bank/ledger", Role::Callee, HOME).unwrap();
    assert!(asked_port(&snapshot, &of_service, "80").is_ok() && asked_port(&snapshot, &of_service, "+80").is_err());
}
