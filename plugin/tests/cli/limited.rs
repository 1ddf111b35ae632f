//! A cluster of which not all could be read: what can be known is said, and nothing else.

use serde_json::Value;

use crate::run::{Said, run_on};
use crate::values::json;

const ITEMS: &str = "\
items:
- {apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {netintent.dev/mode: enforce}}}
- {apiVersion: v1, kind: Service, metadata: {namespace: shop, name: cart}, spec: {selector: {app: cart}, ports: [{port: 80}]}}
- apiVersion: v1
  kind: Pod
  metadata: {namespace: shop, name: cart, labels: {app: cart}}
  spec: {containers: [{name: a, image: a}]}
  status: {podIP: 10.64.1.2, podIPs: [{ip: 10.64.1.2}]}
- apiVersion: v1
  kind: Pod
  metadata: {namespace: shop, name: web, labels: {app: web}, annotations: {netintent.dev/calls: 'bank/cards:8443, cart'}}
  spec: {containers: [{name: a, image: a}]}
  status: {podIP: 10.64.1.3, podIPs: [{ip: 10.64.1.3}]}
";

/// The cluster as somebody sees it to whom all is forbidden but these kinds, and shop.
fn seen(kinds: &[&str]) -> String {
    const ALL: [(&str, &str); 16] = [
        ("", "Pod"),
        ("", "Service"),
        ("", "Namespace"),
        ("", "ServiceAccount"),
        ("apps", "Deployment"),
        ("apps", "StatefulSet"),
        ("apps", "DaemonSet"),
        ("apps", "ReplicaSet"),
        ("", "ReplicationController"),
        ("batch", "CronJob"),
        ("batch", "Job"),
        ("networking.k8s.io", "Ingress"),
        ("networking.k8s.io", "NetworkPolicy"),
        ("netintent.dev", "Approval"),
        ("netintent.dev", "ClusterApproval"),
        ("netintent.dev", "ClusterProhibition"),
    ];
    let mut text =
        "apiVersion: netintent.dev/v1alpha1\nkind: Snapshot\ntaken: 2027-01-01T00:00:00Z\nunread:\n".to_owned();
    let gap = |(group, kind): (&str, &str)| {
        let read = if kind.starts_with("Cluster") { "" } else { "shop" };
        let why = "it is forbidden: User \"alice\" cannot list it";
        format!("- {{group: '{group}', kind: {kind}, allBut: [{read}], why: '{why}'}}\n")
    };
    text.extend(ALL.into_iter().filter(|(_, kind)| !kinds.contains(kind)).map(gap));
    text + ITEMS
}

fn alice(args: &[&str]) -> Said {
    run_on(&seen(&[]), args)
}

#[test]
fn an_address_that_may_be_anybodys_is_no_verdict() {
    for args in [&["explain", "shop/web", "10.64.9.6:8443"][..], &["explain", "10.64.9.6", "shop/web"]] {
        let said = alice(args);
        assert_eq!(said.status, 2, "{said:?}");
        assert!(said.stdout.contains("cannot tell") && !said.stdout.contains("allowed: "), "{said:?}");
        assert!(said.stdout.contains("10.64.9.6 may be of what could not be read: Pods outside of shop"), "{said:?}");
        assert_eq!(alice(&[args, &["-q"]].concat()).status, 2, "{args:?}");
        let view = json(&alice(&[args, &["-o", "json"]].concat()).stdout);
        assert_eq!((&view["allowed"], &view["ports"]), (&Value::Null, &Value::Array(Vec::new())), "{view}");
    }
    // Of an address that is a pod's in what could be read, and where all was, it is known.
    let said = alice(&["explain", "shop/web", "10.64.1.2", "-o", "json"]);
    assert_eq!(json(&said.stdout)["destination"]["name"], "cart", "{said:?}");
    let all = ["Pod", "Service"];
    assert_eq!(run_on(&seen(&all), &["explain", "shop/web", "10.64.9.6"]).status, 0);
}

const BANK: &str = "\
- {apiVersion: v1, kind: Namespace, metadata: {name: bank, labels: {netintent.dev/mode: enforce}}}
- {apiVersion: v1, kind: Service, metadata: {namespace: bank, name: cards}, spec: {selector: {app: cards}, ports: [{port: 8443}]}}
- apiVersion: v1
  kind: Pod
  metadata: {namespace: bank, name: cards, labels: {app: cards}}
  spec: {containers: [{name: a, image: a}]}
- apiVersion: networking.k8s.io/v1
  kind: NetworkPolicy
  metadata: {namespace: bank, name: theirs}
  spec:
    podSelector: {matchLabels: {app: cards}}
    ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {cards.bank.to.netintent.dev/8443: allowed}}}]}]
- apiVersion: batch/v1
  kind: CronJob
  metadata: {namespace: shop, name: nightly}
  spec:
    schedule: '@daily'
    jobTemplate: {spec: {template: {metadata: {labels: {app: nightly}, annotations: {netintent.dev/calls: 'bank/cards:8443'}},
      spec: {containers: [{name: a, image: a}]}}}}
";

/// Who runs carries the labels that it was given; who does not yet may be given them by what could not be read.
#[test]
fn what_has_no_pods_yet_hangs_on_what_approves() {
    let every = [
        "Pod",
        "Service",
        "Namespace",
        "ServiceAccount",
        "Deployment",
        "StatefulSet",
        "DaemonSet",
        "ReplicaSet",
        "ReplicationController",
        "CronJob",
        "Job",
        "NetworkPolicy",
        "Approval",
    ];
    let of = |kinds: &[&str]| run_on(&(seen(kinds) + BANK), &["explain", "shop/nightly", "bank/cards:8443"]);
    let said = of(&every);
    assert!(said.status == 2 && said.stdout.contains("ClusterApprovals"), "{said:?}");
    let said = of(&[&every[..], &["ClusterApproval", "ClusterProhibition"]].concat());
    assert_eq!(said.status, 1, "nobody has approved it: {said:?}");
    let running = run_on(&(seen(&every) + BANK), &["explain", "shop/web", "bank/cards:8443"]);
    assert_eq!(running.status, 1, "it has no label: {running:?}");
}

/// A Service leads to other ports than its pods have.
#[test]
fn a_name_that_a_service_may_have_is_not_taken_for_pods() {
    let bank =
        BANK.lines().filter(|line| !line.contains("kind: Service")).fold(String::new(), |all, line| all + line + "\n");
    let every = ["Pod", "Namespace", "CronJob", "NetworkPolicy", "Approval", "ClusterApproval", "ClusterProhibition"];
    let of = |kinds: &[&str], callee: &str| run_on(&(seen(kinds) + &bank), &["explain", "shop/web", callee]);
    let said = of(&every, "bank/cards:8443");
    assert!(said.status == 2 && said.stderr.contains("cannot tell: bank/cards may be a Service"), "{said:?}");
    let said = of(&every, "bank/pod/cards:8443");
    assert!(!said.stderr.contains("may be a Service"), "{said:?}");
    let said = of(&[&every[..], &["Service"]].concat(), "bank/cards:8443");
    assert!(!said.stderr.contains("may be a Service"), "{said:?}");
}

#[test]
fn what_leads_to_what_could_not_be_read_is_named_and_not_judged() {
    let named = "shop/web declares bank/cards:8443, of which not all could be read: cannot tell where it leads.";
    let undecided = serde_json::json!([{"caller": "shop/web", "callee": "bank/cards:8443"}]);
    for command in [&["check"][..], &["list", "--declared"]] {
        let said = alice(command);
        assert_eq!(said.status, 2, "{said:?}");
        assert!(said.stderr.contains(named) && !said.stdout.contains("there is no Service"), "{said:?}");
        let said = alice(&[command, &["-o", "json"]].concat());
        assert_eq!(json(&said.stdout)["undecided"], undecided, "{said:?}");
        assert!(!said.stdout.contains("unknown-callee"), "{said:?}");
        assert!(!said.stderr.contains(named), "{said:?}");
    }
    let found = alice(&["check", "-o", "json"]);
    let codes: Vec<Value> =
        json(&found.stdout)["items"].as_array().unwrap().iter().map(|item| item["code"].clone()).collect();
    assert!(!codes.contains(&"refused-intent".into()), "a ClusterApproval may cover it: {found:?}");
    // Where all was read it is judged as ever.
    let all = ["Pod", "Service", "Namespace", "Approval", "ClusterApproval", "ClusterProhibition"];
    let said = run_on(&seen(&all), &["check"]);
    assert!(said.stdout.contains("there is no Service bank/cards in the cluster"), "{said:?}");
    assert!(!said.stderr.contains("cannot tell where"), "{said:?}");
}

#[test]
fn nothing_is_said_of_what_could_be_read_alone() {
    let said = alice(&["list", "--from", "shop/cart", "--to", "shop/cart"]);
    assert_eq!((said.status, said.stdout.as_str()), (2, ""), "{said:?}");
    assert!(said.stderr.ends_with("No connections among what could be read.\n"), "{said:?}");
    let said = alice(&["list", "--grouped", "--from", "shop/cart", "--to", "shop/cart"]);
    assert!(said.stderr.ends_with("No connections among what could be read.\n"), "{said:?}");
    let off = seen(&[]).replace("mode: enforce", "mode: 'off'");
    let said = run_on(&off, &["check", "--ignore", "unprotected-callee"]);
    assert!(said.stderr.contains("Nothing found among what could be read."), "{said:?}");
    let said = run_on(&off, &["render"]);
    assert!(said.stderr.ends_with("No policies among what could be read.\n"), "{said:?}");
}

#[test]
fn a_change_of_what_could_not_be_read_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let pod = |namespace: &str, name: &str| {
        format!(
            "---\n{{apiVersion: v1, kind: Pod, metadata: {{namespace: {namespace}, name: {name}}}, spec: {{containers: [{{name: a, image: a}}]}}}}\n"
        )
    };
    // A cluster that something is laid over, on either side.
    let old = seen(&[]) + &pod("shop", "old");
    let base = path("base.yaml", &old);
    let diff = |namespace: &str, more: &[&str]| {
        let new = path("new.yaml", &(old.clone() + &pod(namespace, "new")));
        run_on("", &[&["diff", "--base", base.as_str(), "-f", new.as_str()], more].concat())
    };
    let said = diff("bank", &[]);
    assert_eq!(said.status, 2, "{said:?}");
    assert!(said.stdout.contains("cannot tell") && !said.stdout.contains("added"), "{said:?}");
    let view = json(&diff("bank", &["-o", "json"]).stdout);
    let changes = |view: &Value| -> Vec<String> {
        view["items"].as_array().unwrap().iter().map(|item| item["change"].as_str().unwrap().to_owned()).collect()
    };
    assert!(!changes(&view).is_empty() && changes(&view).iter().all(|change| change == "unknown"), "{view}");
    assert!(view["unread"].is_array(), "{view}");
    let names = diff("bank", &["-o", "name"]);
    assert!(names.stdout.lines().all(|line| line.starts_with("? ")) && !names.stdout.is_empty(), "{names:?}");
    // Within what could be read it is known.
    assert!(changes(&json(&diff("shop", &["-o", "json"]).stdout)).contains(&"added".to_owned()));
}

#[test]
fn a_slip_where_all_could_be_read_is_a_slip() {
    let said = alice(&["explain", "shop/wbe", "shop/cart"]);
    assert_eq!(said.status, 2, "{said:?}");
    assert!(said.stderr.contains("no workload `wbe` in namespace shop"), "{said:?}");
    assert!(said.stderr.contains("did you mean `web`?"), "{said:?}");
    let said = alice(&["explain", "bank/wbe", "shop/cart"]);
    assert!(said.stderr.contains("cannot tell: `bank/wbe` is not among what could be read"), "{said:?}");
    // A cluster without netintent is known altogether.
    let bare = "apiVersion: netintent.dev/v1alpha1\nkind: Snapshot\ntaken: 2027-01-01T00:00:00Z\nunread:\n\
        - {group: netintent.dev, kind: Approval, why: netintent is not installed in this cluster}\n";
    let closed = "- {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: shop, name: none}, \
        spec: {podSelector: {matchLabels: {app: cart}}}}\n";
    let said = run_on(&format!("{bare}{ITEMS}"), &["explain", "shop/wbe", "shop/cart"]);
    assert!(said.stderr.contains("did you mean `web`?"), "{said:?}");
    // What is denied there stays so, and what is allowed may not stay so.
    assert_eq!(run_on(&format!("{bare}{ITEMS}{closed}"), &["explain", "shop/web", "shop/cart"]).status, 1);
    assert_eq!(run_on(&format!("{bare}{ITEMS}"), &["explain", "shop/web", "shop/cart"]).status, 2);
}

#[test]
fn the_warning_is_short_and_not_hushed() {
    let warning = "warning: not permitted to be read by User \"alice\": ClusterApprovals, ClusterProhibitions; \
        Pods, Services, NetworkPolicies, Approvals and 10 more kinds outside of shop\n";
    let said = alice(&["explain", "shop/web", "10.64.9.6", "-q"]);
    assert_eq!((said.status, said.stdout.as_str(), said.stderr.as_str()), (2, "", warning));
    let said = alice(&["list", "-v"]);
    assert!(said.stderr.contains("Ingresses") && said.stderr.contains("CronJobs"), "{said:?}");
}
