//! The chart says what the kustomize folders say, and takes the values that it names.

use std::path::Path;

use netintent_tests::{Helm, Kubectl};
use serde_json::{Value, json};

use crate::Result;
use crate::objects::{NAMESPACE, Objects, chart, folder, get, kustomize, read, template, template_of, text};

/// Compares object by object, so that a difference is short.
fn assert_same(chart: &Objects, kustomize: &Objects) {
    assert_eq!(chart.keys().collect::<Vec<_>>(), kustomize.keys().collect::<Vec<_>>());
    for (id, object) in chart {
        assert_eq!(object, &kustomize[id], "{id}");
    }
}

#[test]
fn without_values_it_is_the_base() -> Result {
    assert_same(&chart(&[])?, &kustomize("base")?);
    Ok(())
}

#[test]
fn each_switch_is_an_overlay() -> Result {
    for (value, overlay) in [
        ("certManager.enabled=true", "overlays/cert-manager"),
        ("hostNetwork.enabled=true", "overlays/host-network"),
        ("monitoring.enabled=true", "overlays/monitoring"),
    ] {
        assert_same(&chart(&[value])?, &kustomize(overlay)?);
    }
    Ok(())
}

/// The links of its folder are files in the package.
#[test]
fn the_package_says_the_same() -> Result {
    let kubectl = Kubectl::alone()?;
    let (folder, packages) = (folder().join("chart"), kubectl.scratch().folder("packages")?);
    Helm::of(&kubectl)?.text([Path::new("package"), &folder, Path::new("--destination"), &packages])?;
    let package = packages.join(concat!("netintent-", env!("CARGO_PKG_VERSION"), ".tgz"));
    let values = ["certManager.enabled=true", "monitoring.enabled=true"];
    assert_same(&read(&template_of(&package, NAMESPACE, &values)?)?, &chart(&values)?);
    Ok(())
}

#[test]
fn its_version_is_that_of_the_program() -> Result {
    let helm = Helm::of(&Kubectl::alone()?)?;
    let shown = helm.text(["show", "chart", &folder().join("chart").display().to_string()])?;
    let version = env!("CARGO_PKG_VERSION");
    for line in [format!("\nversion: {version}\n"), format!("\nappVersion: {version}\n")] {
        assert!(format!("\n{shown}\n").contains(&line), "{shown}");
    }
    Ok(())
}

/// In another namespace nothing names the usual one.
#[test]
fn the_namespace_is_that_of_the_release() -> Result {
    let values = ["certManager.enabled=true", "monitoring.enabled=true"];
    let printed = template("elsewhere", &values)?;
    assert!(!printed.contains(NAMESPACE), "{printed}");
    let there = read(&printed)?;
    assert_eq!(there.len(), chart(&values)?.len());
    get(&there, "Namespace elsewhere")?;
    let certificate = get(&there, "Certificate elsewhere/netintent")?;
    assert_eq!(certificate["spec"]["dnsNames"], json!(["netintent.elsewhere.svc"]));
    Ok(())
}

/// The Deployment's pod, with these values.
fn pod(values: &[&str]) -> Result<Value> {
    Ok(get(&chart(values)?, &format!("Deployment {NAMESPACE}/netintent"))?["spec"]["template"].clone())
}

#[test]
fn values_of_the_pod_are_where_they_belong() -> Result {
    let pod = pod(&[
        "image.repository=registry.example/webhook",
        "image.tag=v9@sha256:0123",
        "image.pullPolicy=Always",
        "imagePullSecrets[0].name=registry",
        "resources.limits.memory=1Gi",
        "priorityClassName=high",
        "nodeSelector.kind=system",
        "tolerations[0].operator=Exists",
        "affinity.nodeAffinity.x=y",
        "podAnnotations.a=b",
        "log.level=debug",
        "log.text=true",
    ])?;
    let (spec, container) = (&pod["spec"], &pod["spec"]["containers"][0]);
    assert_eq!(container["image"], "registry.example/webhook:v9@sha256:0123");
    assert_eq!(container["imagePullPolicy"], "Always");
    assert_eq!(spec["imagePullSecrets"], json!([{"name": "registry"}]));
    let resources = json!({"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "1Gi"}});
    assert_eq!(container["resources"], resources);
    assert_eq!(spec["priorityClassName"], "high");
    assert_eq!(spec["nodeSelector"], json!({"kind": "system"}));
    assert_eq!(spec["tolerations"], json!([{"operator": "Exists"}]));
    assert_eq!(spec["affinity"], json!({"nodeAffinity": {"x": "y"}}));
    assert_eq!(pod["metadata"]["annotations"], json!({"a": "b"}));
    assert_eq!(container["args"], json!(["--log=debug", "--log-text"]));
    Ok(())
}

#[test]
fn switches_can_be_combined() -> Result {
    let pod = pod(&[
        "certManager.enabled=true",
        "hostNetwork.enabled=true",
        "hostNetwork.port=20443",
        "hostNetwork.observePort=20081",
    ])?;
    let container = &pod["spec"]["containers"][0];
    let args = ["--certificates=/certificates", "--listen=0.0.0.0:20443", "--observe=0.0.0.0:20081"];
    assert_eq!(container["args"], json!(args));
    assert_eq!(container["ports"][0], json!({"name": "https", "containerPort": 20443, "hostPort": 20443}));
    assert_eq!(container["ports"][1], json!({"name": "observe", "containerPort": 20081, "hostPort": 20081}));
    Ok(())
}

#[test]
fn another_issuer_signs_in_place_of_an_authority_of_its_own() -> Result {
    let issuer =
        ["certManager.enabled=true", "certManager.issuerRef.kind=ClusterIssuer", "certManager.issuerRef.name=company"];
    let objects = chart(&issuer)?;
    let certificate = get(&objects, &format!("Certificate {NAMESPACE}/netintent"))?;
    assert_eq!(certificate["spec"]["issuerRef"], json!({"kind": "ClusterIssuer", "name": "company"}));
    let others = objects.keys().filter(|id| id.starts_with("Issuer ") || id.contains("netintent-issuer"));
    assert_eq!(others.count(), 0);
    Ok(())
}

#[test]
fn prometheus_is_where_the_values_say() -> Result {
    let values =
        ["monitoring.enabled=true", "monitoring.namespace=observability", "monitoring.labels.release=prometheus"];
    let objects = chart(&values)?;
    for kind in ["ServiceMonitor", "PrometheusRule"] {
        let labels = &get(&objects, &format!("{kind} {NAMESPACE}/netintent"))?["metadata"]["labels"];
        assert_eq!(labels["release"], "prometheus", "{kind}");
        assert_eq!(labels["app.kubernetes.io/name"], "netintent", "{kind}");
    }
    let policy = get(&objects, &format!("NetworkPolicy {NAMESPACE}/netintent-metrics"))?;
    let peer = "/spec/ingress/0/from/0/namespaceSelector/matchLabels/kubernetes.io~1metadata.name";
    assert_eq!(text(policy, peer)?, "observability");
    Ok(())
}

#[test]
fn the_namespace_can_be_left_out() -> Result {
    let objects = chart(&["namespace.create=false"])?;
    assert_eq!(objects.keys().filter(|id| id.starts_with("Namespace ")).count(), 0);
    Ok(())
}

/// A value that is misspelt or of the wrong type is refused, not ignored.
#[test]
fn values_that_it_does_not_know_are_refused() -> Result {
    for (value, said) in [
        ("replica=3", "replica"),
        ("image.tags=v1", "tags"),
        ("replicas=0", "replicas"),
        ("log.level=loud", "level"),
        ("certManager.enable=true", "enable"),
        ("hostNetwork.port=443", "port"),
        ("monitoring.enabled=perhaps", "enabled"),
    ] {
        let error = chart(&[value]).err().ok_or_else(|| format!("{value} is taken"))?.to_string();
        assert!(error.contains("schema") && error.contains(said), "{value}: {error}");
    }
    Ok(())
}

#[test]
fn lint_finds_nothing() -> Result {
    let helm = Helm::of(&Kubectl::alone()?)?;
    helm.text(["lint", "--strict", &folder().join("chart").display().to_string()])?;
    Ok(())
}
