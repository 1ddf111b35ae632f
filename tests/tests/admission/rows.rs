//! The rows of the admission tables: every kind, in every mode, applied in every way.

use std::collections::BTreeSet;

use netintent_tests::Installed;
use serde_json::{Value, json};

use crate::Result;
use crate::agreement::offline;
use crate::manifests::{KINDS, account, approval, create, namespace, pods, reserved, service, workload};

/// How kubectl sends an object.
const WAYS: [&[&str]; 3] = [&["--dry-run=server"], &[], &["--server-side", "--force-conflicts"]];

/// A callee in a mode, with an approval of rpc for every caller of `namespace`, and a caller's ServiceAccount that declares
/// metrics, which is approved too.
fn set_up(installed: &Installed, caller: (&str, &str), callee: (&str, &str)) -> Result<Vec<Value>> {
    for (name, mode) in [caller, callee] {
        installed.namespace(name, mode)?;
    }
    let callers = format!("{}/*", caller.0);
    let mut objects = vec![
        service(callee.0, "ledger"),
        approval(callee.0, "a", &[&callers], &["ledger:rpc", "ledger:metrics"]),
        account(caller.0, "declares", &format!("{}/ledger:metrics", callee.0)),
    ];
    for object in &objects {
        create(installed.admin(), object)?;
    }
    objects.extend([caller, callee].map(|(name, mode)| namespace(name, mode)));
    Ok(objects)
}

fn with_account(mut object: Value) -> Value {
    for pointer in ["/spec", "/spec/template/spec", "/spec/jobTemplate/spec/template/spec"] {
        if let Some(spec) = object.pointer_mut(pointer).filter(|spec| spec.get("containers").is_some()) {
            spec["serviceAccountName"] = "declares".into();
        }
    }
    object
}

/// The objects of all kinds.
fn all(namespace: &str, prefix: &str, calls: &str) -> Vec<Value> {
    let name = |kind: &str| format!("{prefix}-{}", kind.to_ascii_lowercase());
    KINDS.iter().map(|kind| with_account(workload(kind, namespace, &name(kind), calls))).collect()
}

/// What kubectl wrote, and whether all went.
fn apply(installed: &Installed, way: &[&str], items: &[Value]) -> Result<(bool, String)> {
    let kubectl = installed.admin().kubectl();
    let objects = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let file = kubectl.scratch().file(&format!("apply-{:?}.json", std::thread::current().id()), objects)?;
    let output = kubectl.output(["apply", "-f", &file.display().to_string()].iter().chain(way))?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// What each kind's pods must carry; the plugin says the same of the same objects.
fn check_pods(installed: &Installed, objects: &[Value], prefix: &str, expected: &[&str]) -> Result {
    let expected: BTreeSet<String> = expected.iter().map(|key| format!("{key}=allowed")).collect();
    let derived = offline(objects)?;
    let namespace = objects.last().and_then(|object| object["metadata"]["namespace"].as_str()).unwrap_or_default();
    for kind in KINDS {
        let app = format!("{prefix}-{}", kind.to_ascii_lowercase());
        assert_eq!(derived.get(&app), Some(&expected), "{kind} offline");
        if kind == "CronJob" {
            let job = format!("{app}-by-hand");
            installed.admin().kubectl().text([
                "create",
                "job",
                "-n",
                namespace,
                &job,
                "--from",
                &format!("cronjob/{app}"),
            ])?;
        }
        for pod in pods(installed, namespace, &app)? {
            assert_eq!(reserved(&pod), expected, "{kind} in {namespace}: {pod:#}");
        }
    }
    Ok(())
}

/// A node, which no kubelet runs, so that `DaemonSets` have pods.
fn node(installed: &Installed) -> Result {
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node"}});
    let reply = installed.admin().post("/api/v1/nodes", &node)?;
    assert!(reply.is_success() || reply.status == 409, "{reply:?}");
    Ok(())
}

#[test]
fn both_in_enforce() -> Result {
    let installed = Installed::shared()?;
    node(installed)?;
    let mut objects = set_up(installed, ("rows-ee-shop", "enforce"), ("rows-ee-bank", "enforce"))?;
    for way in WAYS {
        let (good, said) = apply(installed, way, &all("rows-ee-shop", "good", "rows-ee-bank/ledger:rpc"))?;
        assert!(good, "{way:?}: {said}");
        assert!(!said.contains("may not call"), "{said}");
        let (good, said) = apply(installed, way, &all("rows-ee-shop", "bad", "rows-ee-bank/ledger:admin"))?;
        assert!(!good, "{way:?}");
        for kind in KINDS {
            let caller = format!("rows-ee-shop/bad-{}", kind.to_ascii_lowercase());
            let expected = format!("{caller} may not call rows-ee-bank/ledger:admin: nobody has approved it");
            assert!(said.contains(&expected), "{way:?} {kind}: {said}");
        }
    }
    objects.extend(all("rows-ee-shop", "good", "rows-ee-bank/ledger:rpc"));
    check_pods(
        installed,
        &objects,
        "good",
        &["ledger.rows-ee-bank.to.netintent.dev/rpc", "ledger.rows-ee-bank.to.netintent.dev/metrics"],
    )
}

/// The caller's, or the callee's, side is still in shadow: it is told, and goes on.
fn warned(shop: (&str, &str), bank: (&str, &str)) -> Result {
    let installed = Installed::shared()?;
    node(installed)?;
    let mut objects = set_up(installed, shop, bank)?;
    for way in WAYS {
        let calls = format!("{0}/ledger:rpc, {0}/ledger:admin", bank.0);
        let (good, said) = apply(installed, way, &all(shop.0, "both", &calls))?;
        assert!(good, "{way:?}: {said}");
        for kind in KINDS {
            let caller = format!("{}/both-{}", shop.0, kind.to_ascii_lowercase());
            let expected = format!("{caller} may not call {}/ledger:admin: nobody has approved it", bank.0);
            // A second time nothing of a Pod changes, so nobody is asked.
            assert!(said.contains(&expected) || kind == "Pod" && way.len() > 1, "{way:?} {kind}: {said}");
        }
    }
    let keys = ["rpc", "metrics"].map(|port| format!("ledger.{}.to.netintent.dev/{port}", bank.0));
    objects.extend(all(shop.0, "both", &format!("{0}/ledger:rpc, {0}/ledger:admin", bank.0)));
    check_pods(installed, &objects, "both", &keys.each_ref().map(String::as_str))
}

#[test]
fn the_caller_in_shadow() -> Result {
    warned(("rows-se-shop", "shadow"), ("rows-se-bank", "enforce"))
}

#[test]
fn the_callee_in_shadow() -> Result {
    warned(("rows-es-shop", "enforce"), ("rows-es-bank", "shadow"))
}

/// Nobody is told anything of a callee that takes no part; what is approved gives labels all the same.
#[test]
fn the_callee_off() -> Result {
    let installed = Installed::shared()?;
    node(installed)?;
    let mut objects = set_up(installed, ("rows-eo-shop", "enforce"), ("rows-eo-bank", "off"))?;
    for way in WAYS {
        let calls = "rows-eo-bank/ledger:rpc, rows-eo-bank/ledger:admin";
        let (good, said) = apply(installed, way, &all("rows-eo-shop", "both", calls))?;
        assert!(good && !said.contains("netintent"), "{way:?}: {said}");
    }
    let keys = ["ledger.rows-eo-bank.to.netintent.dev/rpc", "ledger.rows-eo-bank.to.netintent.dev/metrics"];
    objects.extend(all("rows-eo-shop", "both", "rows-eo-bank/ledger:rpc, rows-eo-bank/ledger:admin"));
    check_pods(installed, &objects, "both", &keys)
}

#[test]
fn the_caller_off() -> Result {
    let installed = Installed::shared()?;
    node(installed)?;
    let mut objects = set_up(installed, ("rows-oe-shop", "off"), ("rows-oe-bank", "enforce"))?;
    for way in WAYS {
        let calls = "rows-oe-bank/ledger:rpc, rows-oe-bank/ledger:admin, not an intent";
        let (good, said) = apply(installed, way, &all("rows-oe-shop", "both", calls))?;
        assert!(good && !said.contains("netintent"), "{way:?}: {said}");
    }
    objects.extend(all("rows-oe-shop", "both", "rows-oe-bank/ledger:rpc, rows-oe-bank/ledger:admin, not an intent"));
    check_pods(installed, &objects, "both", &[])
}
