//! Modes: shown, previewed and set, and what stops that.

use netintent_tests::{Installed, Kubectl};
use serde_json::{Value, json};

use crate::Result;
use crate::limited::viewer;
use crate::plugin::{Said, netintent, shared, until_said, workload};

fn label(kubectl: &Kubectl, what: &[&str]) -> Result<String> {
    let path = "-o=jsonpath={.metadata.labels.netintent\\.dev/mode}";
    Ok(kubectl.text(["get"].iter().chain(what).chain(&[path]))?)
}

/// Sets a mode by the plugin. Others work on the same cluster: for a moment one of their pods may have a label too many.
fn set(installed: &Installed, subject: &str, mode: &str) -> Result<Said> {
    let kubectl = installed.admin().kubectl();
    until_said(installed, kubectl, &["mode", subject, mode, "--yes"], |said| said.status == Some(0))
}

#[test]
fn a_mode_is_shown_previewed_and_set() -> Result {
    let installed = shared()?;
    let kubectl = installed.admin().kubectl();
    installed.namespace("mo-bank", "shadow")?;
    installed.namespace("mo-shop", "shadow")?;
    kubectl.pipe(["apply", "-f", "-"], &workload("mo-bank", "ledger", ""))?;
    let approval = "{apiVersion: netintent.dev/v1alpha1, kind: Approval, metadata: {namespace: mo-bank, name: own}, \
        spec: {callers: [./teller], callees: [ledger]}}";
    kubectl.pipe(["apply", "-f", "-"], approval)?;
    kubectl.pipe(["apply", "-f", "-"], &workload("mo-bank", "teller", "ledger:rpc, ledger"))?;
    kubectl.pipe(["apply", "-f", "-"], &workload("mo-shop", "web", "mo-bank/ledger:rpc"))?;

    let shown = until_said(installed, kubectl, &["mode", "mo-bank"], |said| said.status == Some(0))?;
    assert!(
        shown.out.starts_with("Namespace mo-bank is in shadow: its label netintent.dev/mode says so."),
        "{shown:?}"
    );
    assert!(shown.out.contains("\nenforce ") && shown.out.contains("\noff "), "{shown:?}");

    // What would be cut is told, and nothing is changed.
    let dry = ["mode", "mo-bank", "enforce", "--declared", "-o", "json"];
    let with = |more: &[&'static str]| [&dry[..], more].concat();
    let is_told =
        |said: &Said| said.status == Some(1) && said.json()["cutDeclared"] == 1 && said.json()["stops"] == json!([]);
    let said = until_said(installed, kubectl, &with(&["--dry-run"]), is_told)?;
    let json = said.json();
    assert_eq!(
        (&json["kind"], &json["mode"], &json["target"]),
        (&json!("ModeChange"), &json!("shadow"), &json!("enforce"))
    );
    assert_eq!(json["items"][0]["source"]["caller"], "mo-shop/web", "{json}");
    assert_eq!(json["items"].as_array().map(Vec::len), Some(1), "the teller stays: {json}");
    until_said(installed, kubectl, &with(&["--dry-run=server"]), is_told)?;
    let unasked =
        until_said(installed, kubectl, &["mode", "mo-bank", "enforce"], |said| said.err.contains("say --yes"))?;
    assert_eq!(unasked.status, Some(2), "{unasked:?}");
    assert!(unasked.out.contains("not approved"), "{unasked:?}");
    assert_eq!(label(kubectl, &["namespace", "mo-bank"])?, "shadow");

    // Set, it is as it was told.
    let said = set(installed, "mo-bank", "enforce")?;
    assert!(
        said.err.contains("Namespace mo-bank is in enforce") && said.err.contains("1 of them declared"),
        "{said:?}"
    );
    assert_eq!(label(kubectl, &["namespace", "mo-bank"])?, "enforce");
    until_said(installed, kubectl, &["explain", "mo-shop/web", "mo-bank/ledger:rpc"], |said| said.status == Some(1))?;
    until_said(installed, kubectl, &["explain", "mo-bank/teller", "mo-bank/ledger:rpc"], |said| {
        said.status == Some(0)
    })?;
    let again = set(installed, "mo-bank", "enforce")?;
    assert!(again.err.contains("Nothing is changed."), "{again:?}");

    // A Service alone would keep its namespace open.
    let dry = ["mode", "mo-bank/ledger", "shadow", "--dry-run"];
    let said = until_said(installed, kubectl, &dry, |said| said.status == Some(0))?;
    assert!(said.out.contains("opened") && said.err.contains("keeps it open"), "{said:?}");
    set(installed, "mo-bank", "off")?;
    assert_eq!(label(kubectl, &["namespace", "mo-bank"])?, "off");
    set(installed, "mo-bank/ledger", "shadow")?;
    assert_eq!(label(kubectl, &["service", "-n", "mo-bank", "ledger"])?, "shadow");
    let shown = netintent(kubectl, &["mode", "mo-bank"])?;
    assert!(shown.out.contains("Services with a mode of their own: ledger (shadow)."), "{shown:?}");

    for (args, message) in [
        (&["mode", "mo-bnk"][..], "there is no Namespace mo-bnk"),
        (&["mode", "mo-bnk", "enforce", "--yes"], "there is no Namespace mo-bnk"),
        (&["mode", "mo-bank/lodger"], "did you mean `ledger`?"),
        (&["mode", "mo-bank", "on"], "enforce, shadow or off was expected"),
        (&["mode", "netintent-system", "shadow", "--yes"], "takes no part"),
    ] {
        until_said(installed, kubectl, args, |said| said.status == Some(2) && said.err.contains(message))?;
    }
    Ok(())
}

/// Callers of Services that can carry no intent, of every kind that the API server of the tests takes without harm to others.
fn outsiders() -> String {
    let route = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "grpcroutes.gateway.networking.k8s.io",
            "annotations": {"api-approved.kubernetes.io": "unapproved, a test's own"}},
        "spec": {"group": "gateway.networking.k8s.io", "scope": "Namespaced",
            "names": {"kind": "GRPCRoute", "plural": "grpcroutes"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}});
    let ingress = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"namespace": "mo-out", "name": "front"},
        "spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}});
    let webhook = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "mo-out"},
        "webhooks": [{"name": "mo-out.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "failurePolicy": "Ignore", "clientConfig": {"service": {"namespace": "mo-out", "name": "web"}},
            "rules": [{"apiGroups": ["none.example.com"], "apiVersions": ["v1"], "operations": ["CREATE"],
                "resources": ["nothings"]}]}]});
    let conversion = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "moves.mo-out.example.com"},
        "spec": {"group": "mo-out.example.com", "scope": "Namespaced", "names": {"kind": "Move", "plural": "moves"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object"}}}],
            "conversion": {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"],
                "clientConfig": {"service": {"namespace": "mo-out", "name": "web"}}}}}});
    [route, ingress, webhook, conversion].map(|object| object.to_string()).join("\n---\n")
}

#[test]
fn who_can_carry_no_intent_stops_it_until_it_is_let_in() -> Result {
    let installed = shared()?;
    let kubectl = installed.admin().kubectl();
    installed.namespace("mo-out", "shadow")?;
    kubectl.pipe(["apply", "-f", "-"], &workload("mo-out", "web", ""))?;
    kubectl.pipe(["apply", "-f", "-"], &workload("mo-out", "db", ""))?;
    kubectl.text([
        "patch",
        "service",
        "-n",
        "mo-out",
        "web",
        "--type=merge",
        "-p",
        r#"{"spec": {"type": "NodePort"}}"#,
    ])?;
    kubectl.pipe(["apply", "-f", "-"], &outsiders())?;
    kubectl.text([
        "wait",
        "--for=condition=Established",
        "--timeout=60s",
        "crd/grpcroutes.gateway.networking.k8s.io",
    ])?;
    let route = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GRPCRoute",
        "metadata": {"namespace": "mo-out", "name": "route"},
        "spec": {"rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}});
    installed.until("routes are taken", || Ok(kubectl.pipe(["apply", "-f", "-"], &route.to_string()).ok()))?;
    // A Service without selector, whose endpoints somebody else writes.
    let pod = installed.until("the database has a pod", || {
        let name =
            kubectl.text(["get", "pods", "-n", "mo-out", "-l", "app=db", "-o=jsonpath={.items[*].metadata.name}"])?;
        Ok(Some(name).filter(|name| !name.is_empty()))
    })?;
    let primary = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "mo-out", "name": "primary"},
        "spec": {"ports": [{"port": 5432}]}});
    let slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"namespace": "mo-out", "name": "primary-1", "labels": {"kubernetes.io/service-name": "primary"}},
        "endpoints": [{"addresses": ["10.99.0.1"], "targetRef": {"kind": "Pod", "namespace": "mo-out", "name": pod}}],
        "ports": [{"port": 5432}]});
    kubectl.pipe(["apply", "-f", "-"], &format!("{primary}\n---\n{slice}"))?;

    let enforce = ["mode", "mo-out", "enforce", "--yes", "-o", "json"];
    let reasons = |said: &Said| -> Vec<(String, String)> {
        let stops = said.json()["stops"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let of = |stop: &Value| (text(&stop["reason"]), text(&stop["message"]));
        stops.iter().map(of).filter(|(reason, _)| reason != "ungranted-label").collect()
    };
    let stopped = until_said(installed, kubectl, &enforce, |said| {
        said.status == Some(2) && said.out.starts_with('{') && reasons(said).len() == 6
    })?;
    assert!(stopped.err.contains("Namespace mo-out stays as it is"), "{stopped:?}");
    assert_eq!(label(kubectl, &["namespace", "mo-out"])?, "shadow");
    let all = reasons(&stopped);
    for part in [
        "Service mo-out/primary has no selector",
        "Service mo-out/web is a NodePort",
        "Ingress mo-out/front calls",
        "GRPCRoute mo-out/route calls",
        "ValidatingWebhookConfiguration mo-out calls",
        "CustomResourceDefinition moves.mo-out.example.com calls",
    ] {
        assert_eq!(all.iter().filter(|(_, message)| message.contains(part)).count(), 1, "{part}: {all:?}");
    }
    // Without ports the API server keeps none, and the Service leads nowhere.
    let slice = ["patch", "endpointslice", "-n", "mo-out", "primary-1", "--type=merge", "-p"];
    kubectl.text(slice.iter().chain(&[r#"{"ports": []}"#]))?;
    until_said(installed, kubectl, &enforce, |said| said.out.starts_with('{') && reasons(said).len() == 5)?;
    kubectl.text(slice.iter().chain(&[r#"{"ports": [{"port": 5432}]}"#]))?;
    // As `check` says it of what is in enforce.
    let checked = netintent(kubectl, &["check", "-n", "mo-out", "--mode", "mo-out=enforce", "-o", "json"])?;
    let items = checked.json()["items"].as_array().cloned().unwrap_or_default();
    let exposed = items.iter().filter(|item| item["code"] == "exposed-without-from").count();
    // Those of its namespace: what is in none is shown with -A.
    assert_eq!(exposed, 3, "{checked:?}");

    // What it prints is what it takes, once it is completed, and another Service for the database.
    let stops = stopped.json()["stops"].as_array().cloned().unwrap_or_default();
    let paste = stops.iter().find_map(|stop| stop["paste"].as_str()).ok_or("nothing to paste")?;
    assert!(
        paste.contains("<namespace of the ingress controller>")
            && paste.contains("# NodePort") | paste.contains("type: NodePort"),
        "{paste}"
    );
    let mut complete = String::new();
    for line in paste.lines() {
        let line = match line.split_once('<').and_then(|(head, rest)| Some((head, rest.split_once('>')?.1))) {
            Some((head, tail)) if head.contains("ipBlock") => format!("{head}192.0.2.1{tail}"),
            Some((head, tail)) => format!("{head}kube-system{tail}"),
            None => line.to_owned(),
        };
        complete.push_str(&line);
        complete.push('\n');
    }
    kubectl.pipe(["apply", "-f", "-"], &complete)?;
    let by_port = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "mo-out", "name": "primary-pods"},
        "spec": {"selector": {"app": "db"}, "ports": [{"port": 5432}]}});
    kubectl.pipe(["apply", "-f", "-"], &by_port.to_string())?;
    // Not set: what stays without a policy would be told to every other test on this cluster.
    let dry = ["mode", "mo-out", "enforce", "--dry-run=server", "-o", "json"];
    until_said(installed, kubectl, &dry, |said| said.status == Some(1) && said.json()["stops"] == json!([]))?;
    another_service_on_the_same_pods(installed, &dry)
}

/// What stays behind beside a Service in `enforce` loses its callers all the same.
fn another_service_on_the_same_pods(installed: &Installed, dry: &[&str]) -> Result {
    let kubectl = installed.admin().kubectl();
    let public = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"namespace": "mo-out", "name": "public", "labels": {"netintent.dev/mode": "shadow"}},
        "spec": {"type": "LoadBalancer", "selector": {"app": "db"}, "ports": [{"port": 443, "targetPort": 5432}]}});
    kubectl.pipe(["apply", "-f", "-"], &public.to_string())?;
    let stopped =
        until_said(installed, kubectl, dry, |said| said.status == Some(2) && said.out.contains("mo-out/public"))?;
    let stop = &stopped.json()["stops"][0];
    let text = |key: &str| stop[key].as_str().unwrap_or_default();
    assert!(text("message").contains("mo-out/public is a LoadBalancer in shadow, and the policy of Service"), "{stop}");
    assert!(text("paste").contains("callees: [\"primary-pods:5432\"]"), "{stop}");
    let complete = text("paste").replace("<address that calls it>", "192.0.2.1");
    kubectl.pipe(["apply", "-f", "-"], &complete)?;
    until_said(installed, kubectl, dry, |said| said.status == Some(1) && said.json()["stops"] == json!([]))?;
    Ok(())
}

#[test]
fn without_the_rights_nothing_is_set_and_nothing_guessed() -> Result {
    let installed = shared()?;
    let admin = installed.admin().kubectl();
    installed.namespace("mo-rights", "shadow")?;
    admin.pipe(["apply", "-f", "-"], &workload("mo-rights", "web", ""))?;
    // Whoever may read all and write Namespaces still needs the right to set modes.
    admin.text(["create", "clusterrole", "mo-reader", "--verb=get,list", "--resource=*.*"])?;
    admin.text(["create", "clusterrole", "mo-labeller", "--verb=patch", "--resource=namespaces"])?;
    for role in ["mo-reader", "mo-labeller"] {
        admin.text(["create", "clusterrolebinding", role, &format!("--clusterrole={role}"), "--user=mo-writer"])?;
    }
    let writer = installed.plane().user("mo-writer", "nobodies")?;
    for more in ["--yes", "--dry-run=server"] {
        let args = ["mode", "mo-rights", "enforce", more];
        let said = until_said(installed, writer.kubectl(), &args, |said| said.err.contains("not permitted"))?;
        assert_eq!(said.status, Some(2), "{said:?}");
        assert!(said.err.contains("`set` on modes.netintent.dev"), "{said:?}");
        assert!(
            said.err.contains("kubectl create clusterrolebinding NAME --clusterrole=netintent-administrator"),
            "{said:?}"
        );
    }
    // Whoever may read one namespace can't know who calls it.
    let user = viewer("mo-viewer", "mo-rights")?;
    admin.text(["create", "clusterrolebinding", "mo-viewer-all", "--clusterrole=mo-labeller", "--user=mo-viewer"])?;
    admin.text(["create", "role", "mo-viewer-own", "-n", "mo-rights", "--verb=get", "--resource=namespaces"])?;
    admin.text([
        "create",
        "rolebinding",
        "mo-viewer-own",
        "-n",
        "mo-rights",
        "--role=mo-viewer-own",
        "--user=mo-viewer",
    ])?;
    for more in ["--yes", "--dry-run"] {
        let said = netintent(user.kubectl(), &["mode", "mo-rights", "enforce", more])?;
        assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{said:?}");
        assert!(said.err.contains("cannot tell what enforce would cut"), "{said:?}");
        assert!(
            said.err.contains("kubectl label --overwrite namespace mo-rights netintent.dev/mode=enforce"),
            "{said:?}"
        );
    }
    let said = netintent(user.kubectl(), &["mode", "mo-rights"])?;
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(said.out.contains("Namespace mo-rights is in shadow") && said.out.contains("cannot tell"), "{said:?}");
    assert_eq!(label(admin, &["namespace", "mo-rights"])?, "shadow");
    Ok(())
}
