//! In which order things are done, by what a watch of the API server tells: no approved caller is cut, and nothing that was
//! forged is let in.

use netintent_tests::Installed;
use serde_json::{Value, json};

use crate::Result;
use crate::cluster::{items, namespaces, only_pod, settles, shared, until_labels, wanted};
use crate::objects::{approval, create, deployment, path, service, set_mode};

/// A caller and a callee in one namespace that takes no part.
fn set_up(installed: &Installed, name: &str) -> Result {
    namespaces(installed, &[(name, "off")])?;
    let admin = installed.admin();
    create(admin, &service(name, "ledger"))?;
    create(admin, &approval(name, "web", &["./web"], &["ledger:rpc"]))?;
    create(admin, &deployment(name, "web", "ledger:rpc"))?;
    only_pod(installed, name)?;
    Ok(())
}

/// The resourceVersion of a kind's list: from where a watch tells what comes later.
fn version(installed: &Installed, kind: &str, namespace: &str) -> Result<String> {
    let body = installed.admin().get(&path(kind, namespace))?.body;
    Ok(body["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned())
}

/// What has happened since, as lines of a watch: the type, the name, and the version at which it did.
fn since(installed: &Installed, kind: &str, namespace: &str, version: &str) -> Result<Vec<(String, Value)>> {
    let at = format!("{}?watch=1&timeoutSeconds=1&resourceVersion={version}", path(kind, namespace));
    let body = installed.admin().get(&at)?.body;
    // One event is JSON by itself, more are lines of it.
    let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(events.map(|event| (event["type"].as_str().unwrap_or_default().to_owned(), event["object"].clone())).collect())
}

fn number(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// When the pod came to its label or lost it, and each policy came or went.
fn history(installed: &Installed, namespace: &str, pods: &str, policies: &str) -> Result<(u64, Vec<(String, u64)>)> {
    let pods = since(installed, "Pod", namespace, pods)?;
    let mut had = None;
    let mut at = 0;
    for (_, pod) in &pods {
        let has = !crate::cluster::reserved(pod).is_empty();
        if had != Some(has) {
            (had, at) = (Some(has), number(pod));
        }
    }
    let policies = since(installed, "NetworkPolicy", namespace, policies)?;
    let of = policies.iter().filter(|(kind, _)| kind == "ADDED" || kind == "DELETED");
    let name = |policy: &Value| policy["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    Ok((at, of.map(|(_, policy)| (name(policy), number(policy))).collect()))
}

#[test]
fn callers_have_their_labels_before_anything_is_closed() -> Result {
    let installed = shared()?;
    let (name, admin) = ("order", installed.admin());
    set_up(installed, name)?;
    let from = (version(installed, "Pod", name)?, version(installed, "NetworkPolicy", name)?);
    set_mode(admin, name, "enforce")?;
    settles(installed, "enforce", &[name])?;
    let (labelled, policies) = history(installed, name, &from.0, &from.1)?;
    let names: Vec<&str> = policies.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["netintent-ledger", "netintent"], "{policies:?}");
    assert!(labelled > 0 && labelled < policies[0].1, "{labelled} {policies:?}");

    let from = (version(installed, "Pod", name)?, version(installed, "NetworkPolicy", name)?);
    set_mode(admin, name, "off")?;
    settles(installed, "off", &[name])?;
    let (unlabelled, policies) = history(installed, name, &from.0, &from.1)?;
    let names: Vec<&str> = policies.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["netintent", "netintent-ledger"], "{policies:?}");
    assert!(unlabelled > policies[1].1, "{unlabelled} {policies:?}");
    Ok(())
}

/// Whatever a pod came to while nobody led, it has lost before the first policy lets it in.
#[test]
fn forged_labels_are_gone_before_the_first_policy() -> Result {
    let installed = Installed::start_with(&wanted())?;
    let (bank, away, admin) = ("bank", "away", installed.admin());
    namespaces(&installed, &[(bank, "shadow"), (away, "off")])?;
    create(admin, &deployment(away, "forger", ""))?;
    only_pod(&installed, away)?;
    installed.webhook().kill();
    create(admin, &service(bank, "ledger"))?;
    set_mode(admin, bank, "enforce")?;
    let pod = items(&installed, "Pod", away)?.pop().ok_or("no pod")?;
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let label = json!({"metadata": {"labels": {"ledger.bank.to.netintent.dev/rpc": "allowed"}}}).to_string();
    let patch = ["patch", "pod", "-n", away, name, "-p", &label, "--as=me", "--as-group=system:masters"];
    admin.kubectl().text(patch.iter().copied().chain(["--as-group=netintent:recover"]))?;
    let from = (version(&installed, "Pod", away)?, version(&installed, "NetworkPolicy", bank)?);
    installed.webhook().run()?;
    settles(&installed, "after a start", &[bank, away])?;
    until_labels(&installed, away, "after a start", &[])?;
    let (unlabelled, _) = history(&installed, away, &from.0, &from.1)?;
    let (_, policies) = history(&installed, bank, &from.0, &from.1)?;
    assert!(policies.len() == 2 && unlabelled > 0, "{unlabelled} {policies:?}");
    assert!(policies.iter().all(|(_, at)| unlabelled < *at), "{unlabelled} {policies:?}");
    Ok(())
}
