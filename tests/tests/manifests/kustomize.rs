//! The base, its overlays and the component fit together.

use std::fs;

use serde_json::Value;

use crate::Result;
use crate::objects::{NAMESPACE, Objects, folder, get, items, kustomize, text};

/// The base and every overlay; one of them has the component.
fn all() -> Result<Vec<(String, Objects)>> {
    let mut names = vec!["base".to_owned()];
    for entry in fs::read_dir(folder().join("overlays"))? {
        names.push(format!("overlays/{}", entry?.file_name().to_string_lossy()));
    }
    assert!(names.len() >= 4, "{names:?}");
    names.into_iter().map(|name| Ok((name.clone(), kustomize(&name)?))).collect()
}

/// Whether a selector by labels selects these labels.
fn selects(selector: &Value, labels: &Value) -> bool {
    let wanted = selector.get("matchLabels").unwrap_or(selector).as_object();
    wanted.is_some_and(|wanted| !wanted.is_empty() && wanted.iter().all(|(key, value)| labels[key] == *value))
}

/// The Deployment's pod template.
fn template(objects: &Objects) -> Result<&Value> {
    let deployment = get(objects, &format!("Deployment {NAMESPACE}/netintent"))?;
    Ok(deployment.pointer("/spec/template").ok_or("no template")?)
}

#[test]
fn every_namespaced_object_is_in_netintents_namespace() -> Result {
    for (name, objects) in all()? {
        for (id, object) in &objects {
            let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str);
            assert!(namespace.is_none_or(|namespace| namespace == NAMESPACE), "{name}: {id}");
            assert_eq!(object.pointer("/metadata/labels/app.kubernetes.io~1name").is_none(), id.starts_with("Custom"));
        }
    }
    Ok(())
}

#[test]
fn every_image_is_of_this_version() -> Result {
    let wanted = concat!("ghcr.io/netintent/netintent-webhook:v", env!("CARGO_PKG_VERSION"));
    for (name, objects) in all()? {
        let images: Vec<&str> = objects.values().flat_map(images).collect();
        assert_eq!(images, [wanted], "{name}");
    }
    Ok(())
}

/// Every image that an object names, at any depth.
fn images(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(fields) if !fields.contains_key("openAPIV3Schema") => fields
            .iter()
            .flat_map(|(key, value)| match value {
                Value::String(image) if key == "image" => vec![image.as_str()],
                value => images(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(images).collect(),
        _ => Vec::new(),
    }
}

/// What is about the pods selects them, and by ports that they have.
#[test]
fn selectors_select_the_pods() -> Result {
    for (name, objects) in all()? {
        let template = template(&objects)?;
        let labels = &template["metadata"]["labels"];
        let ports: Vec<&Value> = items(template, "/spec/containers/0/ports").iter().map(|port| &port["name"]).collect();
        let deployment = get(&objects, &format!("Deployment {NAMESPACE}/netintent"))?;
        let mut selectors = vec![deployment.pointer("/spec/selector").ok_or("no selector")?];
        let spread = items(template, "/spec/topologySpreadConstraints");
        assert_eq!(spread.len(), 2, "{name}");
        selectors.extend(spread.iter().map(|constraint| &constraint["labelSelector"]));
        let apart = "/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution";
        selectors.extend(items(template, apart).iter().map(|term| &term["labelSelector"]));
        let mut targets = Vec::new();
        for (id, object) in &objects {
            let spec = &object["spec"];
            match id.split(' ').next() {
                Some("PodDisruptionBudget") => selectors.push(&spec["selector"]),
                Some("Service") => {
                    selectors.push(&spec["selector"]);
                    targets.extend(items(spec, "/ports").iter().map(|port| &port["targetPort"]));
                }
                Some("NetworkPolicy") => {
                    selectors.push(&spec["podSelector"]);
                    let rules = items(spec, "/ingress").iter();
                    targets.extend(rules.flat_map(|rule| items(rule, "/ports")).map(|port| &port["port"]));
                }
                _ => {}
            }
        }
        assert!(selectors.len() >= 6 && targets.len() >= 2, "{name}: {selectors:?} {targets:?}");
        for selector in selectors {
            assert!(selects(selector, labels), "{name}: {selector} {labels}");
        }
        for target in targets {
            assert!(ports.contains(&target), "{name}: {target} {ports:?}");
        }
    }
    Ok(())
}

/// The Service that the registrations name leads to the port where the program answers, on every overlay.
#[test]
fn registrations_lead_to_the_program() -> Result {
    for (name, objects) in all()? {
        let service = get(&objects, &format!("Service {NAMESPACE}/netintent"))?;
        assert_eq!(service["spec"]["ports"][0]["port"], 443, "{name}");
        assert_eq!(service["spec"]["ports"][0]["targetPort"], "https", "{name}");
        for kind in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] {
            let webhooks = items(get(&objects, &format!("{kind} netintent"))?, "/webhooks");
            assert!(webhooks.len() > 2, "{name}");
            for webhook in webhooks {
                let called = &webhook["clientConfig"]["service"];
                assert_eq!((&called["namespace"], &called["name"]), (&NAMESPACE.into(), &"netintent".into()), "{name}");
            }
        }
    }
    Ok(())
}

#[test]
fn the_monitor_finds_its_service() -> Result {
    let objects = kustomize("overlays/monitoring")?;
    let monitor = get(&objects, &format!("ServiceMonitor {NAMESPACE}/netintent"))?;
    let port = text(monitor, "/spec/endpoints/0/port")?;
    let services = objects.iter().filter(|(id, _)| id.starts_with("Service "));
    let found: Vec<&Value> = services
        .filter(|(_, service)| selects(&monitor["spec"]["selector"], &service["metadata"]["labels"]))
        .map(|(_, service)| service)
        .collect();
    let [service] = found[..] else { return Err(format!("{found:?}").into()) };
    assert_eq!(service["spec"]["ports"][0]["name"], port);
    // The alerts select by it.
    let label = text(monitor, "/spec/jobLabel")?;
    assert_eq!(service["metadata"]["labels"][label], "netintent");
    Ok(())
}

#[test]
fn cert_manager_serves_what_the_api_server_asks_for() -> Result {
    let objects = kustomize("overlays/cert-manager")?;
    let certificate = get(&objects, &format!("Certificate {NAMESPACE}/netintent"))?;
    assert_eq!(certificate["spec"]["dnsNames"][0], format!("netintent.{NAMESPACE}.svc"));
    let template = template(&objects)?;
    assert_eq!(template["spec"]["volumes"][0]["secret"]["secretName"], certificate["spec"]["secretName"]);
    let folder = text(template, "/spec/containers/0/volumeMounts/0/mountPath")?;
    assert_eq!(template["spec"]["containers"][0]["args"][0], format!("--certificates={folder}"));
    for kind in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] {
        let annotations = &get(&objects, &format!("{kind} netintent"))?["metadata"]["annotations"];
        assert_eq!(annotations["cert-manager.io/inject-ca-from"], format!("{NAMESPACE}/netintent"));
    }
    // Each issuer that is asked is there, and so is the Secret of the one that signs.
    for (id, object) in objects.iter().filter(|(id, _)| id.starts_with("Certificate ")) {
        let issuer = text(object, "/spec/issuerRef/name")?;
        get(&objects, &format!("Issuer {NAMESPACE}/{issuer}")).map_err(|error| format!("{id}: {error}"))?;
    }
    let issuer = get(&objects, &format!("Issuer {NAMESPACE}/netintent"))?;
    let authority = get(&objects, &format!("Certificate {NAMESPACE}/netintent-issuer"))?;
    assert_eq!(issuer["spec"]["ca"]["secretName"], authority["spec"]["secretName"]);
    Ok(())
}

#[test]
fn on_the_host_network_the_program_listens_on_the_ports_that_are_named() -> Result {
    let objects = kustomize("overlays/host-network")?;
    let container = template(&objects)?.pointer("/spec/containers/0").ok_or("no container")?;
    let args = items(container, "/args");
    for (port, option) in items(container, "/ports").iter().zip(["listen", "observe"]) {
        assert_eq!(port["hostPort"], port["containerPort"]);
        assert!(args.contains(&format!("--{option}=0.0.0.0:{}", port["hostPort"]).into()), "{args:?} {port}");
    }
    assert_eq!(items(container, "/ports").len(), 2);
    let deployment = get(&objects, &format!("Deployment {NAMESPACE}/netintent"))?;
    assert_eq!(deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"], 0);
    assert_eq!(deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], 1);
    Ok(())
}
