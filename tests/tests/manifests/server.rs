//! A real API server takes the manifests as they are, in a namespace where Pod Security is `restricted`.

use std::path::Path;
use std::time::{Duration, Instant};

use netintent_tests::{ControlPlane, Options};
use serde_json::{Value, json};

use crate::Result;
use crate::objects::{NAMESPACE, folder, get, is_of_kubernetes, kustomize, list, text};

/// How long a controller may take.
const PATIENCE: Duration = Duration::from_mins(2);

fn until<T>(plane: &ControlPlane, what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let began = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("waited {PATIENCE:?} until {what}\n{}", plane.logs()).into());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Runs kubectl, which must succeed and warn of nothing.
fn without_a_warning(plane: &ControlPlane, args: &[&str]) -> Result {
    let output = plane.kubectl(args)?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "kubectl {}: {said}", args.join(" "));
    Ok(())
}

/// The whole story, since every step needs the one before.
#[test]
fn the_base_is_applied_runs_and_is_applied_again() -> Result {
    let plane = ControlPlane::start_with(&Options { controllers: true, ..Options::default() })?;
    let base = folder().join("base").display().to_string();
    without_a_warning(&plane, &["apply", "-k", &base, "--validate=strict"])?;
    // Whoever began with kubectl's own apply can go on with the server's: nothing that it owns differs.
    let output = plane.kubectl(&["apply", "--server-side", "-k", &base])?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let administrator = plane.administrator()?;

    // Pods of the Deployment are made, in this namespace: Pod Security, the priority and the quota let them in.
    let namespace = administrator.get(&format!("/api/v1/namespaces/{NAMESPACE}"))?.body;
    assert_eq!(text(&namespace, "/metadata/labels/pod-security.kubernetes.io~1enforce")?, "restricted");
    let pods = format!("/api/v1/namespaces/{NAMESPACE}/pods");
    until(&plane, "both pods are made", || {
        let found = administrator.get(&format!("{pods}?labelSelector=app.kubernetes.io%2Fname%3Dnetintent"))?.body;
        Ok((found["items"].as_array().map_or(0, Vec::len) == 2).then_some(()))
    })?;
    let budget = format!("/apis/policy/v1/namespaces/{NAMESPACE}/poddisruptionbudgets/netintent");
    until(&plane, "the budget counts them", || {
        Ok((administrator.get(&budget)?.body["status"]["expectedPods"] == 2).then_some(()))
    })?;
    // A Pod that is less strict is refused there, so that the level is one that is in force.
    let template = |name: &str| -> Result<Value> {
        let objects = kustomize(name)?;
        let template = get(&objects, &format!("Deployment {NAMESPACE}/netintent"))?["spec"]["template"].clone();
        let (labels, spec) = (&template["metadata"]["labels"], &template["spec"]);
        Ok(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe", "labels": labels}, "spec": spec}))
    };
    let mut pod = template("base")?;
    let reply = administrator.post(&format!("{pods}?dryRun=All&fieldValidation=Strict"), &pod)?;
    assert!(reply.is_success() && reply.warnings.is_empty(), "{} {:?}", reply.message(), reply.warnings);
    pod["spec"]["securityContext"]["runAsNonRoot"] = json!(false);
    let reply = administrator.post(&format!("{pods}?dryRun=All"), &pod)?;
    assert!(reply.message().contains("violates PodSecurity \"restricted"), "{}", reply.message());

    // On the host network nothing stricter than the overlay's level would do.
    let pod = template("overlays/host-network")?;
    let set_level = |level: &str| -> Result {
        let labels = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}});
        administrator.patch(&format!("/api/v1/namespaces/{NAMESPACE}"), "merge", &labels)?;
        until(&plane, &format!("{level} is in force"), || {
            let reply = administrator.post(&format!("{pods}?dryRun=All&fieldValidation=Strict"), &pod)?;
            let refused = reply.message().contains(&format!("violates PodSecurity \"{level}:"));
            Ok((if level == "privileged" { reply.is_success() } else { refused }).then_some(()))
        })
    };
    set_level("baseline")?;

    // What fills in the caBundle is not undone by whoever applies the manifests again.
    let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/netintent";
    let bundle = crate::release::bundle(&plane, &administrator.get(path)?.body)?;
    let patched = administrator.patch(&format!("{path}?fieldManager=netintent-certificates"), "apply", &bundle)?;
    assert!(patched.is_success(), "{}", patched.message());
    without_a_warning(&plane, &["apply", "-k", &base, "--validate=strict"])?;
    let kept = &administrator.get(path)?.body["webhooks"][0]["clientConfig"]["caBundle"];
    assert_eq!(kept, &bundle["webhooks"][0]["clientConfig"]["caBundle"]);

    // Each overlay, but for what other projects define.
    for entry in std::fs::read_dir(folder().join("overlays"))? {
        let name = entry?.file_name();
        let objects = kustomize(&Path::new("overlays").join(&name).display().to_string())?;
        let namespace = get(&objects, &format!("Namespace {NAMESPACE}"))?;
        set_level(text(namespace, "/metadata/labels/pod-security.kubernetes.io~1enforce")?)?;
        let known = list(objects.values().filter(|object| is_of_kubernetes(object)));
        let file = plane.admin().scratch().file("overlay.yaml", known)?.display().to_string();
        without_a_warning(&plane, &["apply", "--dry-run=server", "--validate=strict", "-f", &file])?;
    }
    Ok(())
}

/// A field that does not exist is an error here, so that the test above can fail.
#[test]
fn unknown_fields_are_errors() -> Result {
    let plane = ControlPlane::shared()?;
    let mut objects = kustomize("base")?;
    let id = format!("NetworkPolicy {NAMESPACE}/netintent");
    let policy = objects.get_mut(&id).ok_or("no policy")?;
    policy["metadata"]["namespace"] = json!("default");
    policy["spec"]["ingres"] = json!([]);
    let file = plane.admin().scratch().file("unknown.yaml", policy.to_string())?.display().to_string();
    let output = plane.kubectl(&["apply", "--dry-run=server", "--validate=strict", "-f", &file])?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("ingres"), "{said}");
    Ok(())
}
