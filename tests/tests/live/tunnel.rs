//! As a cluster has it: the API server calls the Service, and reaches the pods behind it.

use netintent_tests::{Certificates, Installation, Installed};

use crate::Result;

#[test]
fn what_was_installed_is_reached_by_its_service_and_its_pods() -> Result {
    let wanted = Installation { replicas: 2, certificates: Certificates::Own, ..Installation::default() };
    let base = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/base");
    let installed = Installed::start_by(&wanted, |plane| {
        plane.admin().text(["apply", "--server-side", "-k", base])?;
        Ok(())
    })?;
    installed.run_pods()?;
    let rolled = ["rollout", "status", "-n", "netintent-system", "deployment/netintent", "--timeout=60s"];
    installed.plane().admin().text(rolled)?;
    let pods = "/api/v1/namespaces/netintent-system/pods";
    let name = installed.admin().get(pods)?.body["items"][0]["metadata"]["name"].as_str().ok_or("no pod")?.to_owned();
    let metrics = installed.plane().admin().text(["get", "--raw", &format!("{pods}/{name}:8081/proxy/metrics")])?;
    assert!(metrics.contains("netintent_"), "{metrics}");
    Ok(())
}
