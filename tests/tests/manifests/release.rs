//! The chart is installed, upgraded and uninstalled on a real API server.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use netintent_tests::{ControlPlane, Helm, Options};
use serde_json::{Value, json};

use crate::Result;
use crate::objects::{NAMESPACE, folder, items};

const CONFIGURATIONS: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/netintent";

/// What the webhook writes into its registrations: the authority of each.
pub(crate) fn bundle(plane: &ControlPlane, configuration: &Value) -> Result<Value> {
    let bundle = STANDARD.encode(plane.authority().pem());
    let webhooks: Vec<Value> = items(configuration, "/webhooks")
        .iter()
        .map(|webhook| json!({"name": webhook["name"], "clientConfig": {"caBundle": bundle}}))
        .collect();
    let kind = configuration["kind"].as_str().ok_or("no kind")?;
    Ok(json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
        "metadata": {"name": "netintent"}, "webhooks": webhooks}))
}

#[test]
fn it_is_installed_upgraded_and_uninstalled() -> Result {
    let plane = ControlPlane::start_with(&Options { controllers: true, ..Options::default() })?;
    let helm = Helm::of(plane.admin())?;
    let administrator = plane.administrator()?;
    let chart = folder().join("chart").display().to_string();
    let there = |path: &str| -> Result<bool> { Ok(administrator.get(path)?.is_success()) };
    let deployment = format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/netintent");

    // As in docs/operating.md.
    plane.admin().text(["create", "namespace", NAMESPACE])?;
    let install = ["install", "netintent", &chart, "-n", NAMESPACE, "--take-ownership"];
    let said = helm.text(install)?;
    assert!(said.contains("kubectl rollout status deployment/netintent -n netintent-system"), "{said}");
    plane.wait("the CRDs are there", &["get", "approvals,clusterapprovals,clusterprohibitions", "-A"])?;
    let namespace = administrator.get(&format!("/api/v1/namespaces/{NAMESPACE}"))?.body;
    assert_eq!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
    assert_eq!(administrator.get(&deployment)?.body["spec"]["replicas"], 2);

    // An upgrade changes what it is told, and leaves alone what the webhook has written.
    let bundle = bundle(&plane, &administrator.get(CONFIGURATIONS)?.body)?;
    let by = format!("{CONFIGURATIONS}?fieldManager=netintent-certificates");
    let reply = administrator.patch(&by, "apply", &bundle)?;
    assert!(reply.is_success(), "{}", reply.message());
    helm.text(["upgrade", "netintent", &chart, "-n", NAMESPACE, "--set", "replicas=3,log.level=debug"])?;
    let upgraded = administrator.get(&deployment)?.body;
    assert_eq!(upgraded["spec"]["replicas"], 3);
    assert_eq!(upgraded["spec"]["template"]["spec"]["containers"][0]["args"], json!(["--log=debug"]));
    let kept = administrator.get(CONFIGURATIONS)?.body;
    for (webhook, written) in items(&kept, "/webhooks").iter().zip(items(&bundle, "/webhooks")) {
        assert_eq!(webhook["clientConfig"]["caBundle"], written["clientConfig"]["caBundle"], "{}", webhook["name"]);
    }

    // A second release would take its registrations away.
    plane.admin().text(["create", "namespace", "elsewhere"])?;
    let second = helm.output(["install", "second", &chart, "-n", "elsewhere", "--take-ownership"])?;
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success(), "a second release is installed");
    assert!(
        said.contains("netintent is installed in namespace netintent-system already: uninstall it there"),
        "{said}"
    );

    // What people have approved outlives the program.
    helm.text(["uninstall", "netintent", "-n", NAMESPACE])?;
    for path in [CONFIGURATIONS, deployment.as_str(), "/apis/rbac.authorization.k8s.io/v1/clusterroles/netintent"] {
        assert!(!there(path)?, "{path} is left");
    }
    for plural in ["approvals", "clusterapprovals", "clusterprohibitions"] {
        let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural}.netintent.dev");
        assert!(there(&path)?, "{plural} are gone");
    }
    let namespace = administrator.get(&format!("/api/v1/namespaces/{NAMESPACE}"))?.body;
    assert_eq!(namespace["status"]["phase"], "Active");
    Ok(())
}
