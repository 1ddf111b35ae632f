//! A namespace's mode is the platform team's. Who may write everything in a namespace may write the Namespace itself.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::Method;
use netintent_tests::{Installed, Reply};
use serde_json::{Value, json};

use super::pods::ways;
use super::{Attempt, Hostile};
use crate::Result;
use crate::manifests::{create, reserved};

use super::attempt::pod;

/// Writes labels of the user's own Namespace in every way: one answer for each. `null` takes a label away.
fn relabel(hostile: &Hostile<'_>, labels: &Value) -> Result<Vec<(String, Reply)>> {
    let (user, path) = (&hostile.user, format!("/api/v1/namespaces/{}", hostile.namespace));
    let mut all = Vec::new();
    for part in ["", "/status", "/finalize"] {
        let mut whole = user.get(&path)?.body;
        for (key, value) in labels.as_object().into_iter().flatten() {
            whole["metadata"]["labels"][key] = value.clone();
        }
        if let Some(labels) = whole["metadata"]["labels"].as_object_mut() {
            labels.retain(|_, value| !value.is_null());
        }
        all.push((format!("{part} put"), user.put(&format!("{path}{part}"), &whole)?));
        if part == "/finalize" {
            continue;
        }
        for patch in ["merge", "strategic-merge"] {
            let reply = user.patch(&format!("{path}{part}"), patch, &json!({"metadata": {"labels": labels}}))?;
            all.push((format!("{part} {patch}"), reply));
        }
        let operations = labels.as_object().into_iter().flatten().map(|(key, value)| {
            let path = format!("/metadata/labels/{}", key.replace('/', "~1"));
            if value.is_null() {
                json!({"op": "remove", "path": path})
            } else {
                json!({"op": "add", "path": path, "value": value})
            }
        });
        all.push((format!("{part} json"), user.patch(&format!("{path}{part}"), "json", &operations.collect())?));
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"labels": labels}});
        let (kind, path) = ("application/apply-patch+yaml", format!("{path}{part}?fieldManager=a&force=true"));
        all.push((format!("{part} apply"), user.send(&Method::PATCH, &path, kind, object.to_string().into_bytes())?));
    }
    Ok(all)
}

fn mode(hostile: &Hostile<'_>) -> Result<Value> {
    let reply = hostile.installed.admin().get(&format!("/api/v1/namespaces/{}", hostile.namespace))?;
    Ok(reply.body["metadata"]["labels"].clone())
}

/// Tries every other mode; the Namespace stays as it was.
pub(crate) fn flips(hostile: &Hostile<'_>) -> Result {
    let before = mode(hostile)?;
    for new in [json!("off"), json!("shadow"), json!("enforce"), json!("Enforce"), json!(""), Value::Null] {
        let same = new == before["netintent.dev/mode"];
        for (way, reply) in relabel(hostile, &json!({"netintent.dev/mode": new}))? {
            assert!(same || !reply.is_success() || way.ends_with("apply") && new.is_null(), "{way} {new}: {reply:?}");
            assert_eq!(mode(hostile)?, before, "{way} {new}");
        }
    }
    // As netintent's own namespace, which derive is not asked about.
    relabel(hostile, &json!({"kubernetes.io/metadata.name": "netintent-system"}))?;
    assert_eq!(mode(hostile)?, before);
    Ok(())
}

#[test]
fn nobody_flips_the_mode_of_their_own_namespace() -> Result {
    let installed = Installed::shared()?;
    for mode in ["off", "shadow", "enforce"] {
        let hostile = Hostile::new(installed, &format!("flips-{mode}"), mode)?;
        flips(&hostile)?;
        // The same writes are taken where they concern no mode: it is not the right that they lack.
        for (way, reply) in relabel(&hostile, &json!({"example.org/a": "b"}))? {
            assert!(reply.is_success(), "{way}: {reply:?}");
        }
    }
    Ok(())
}

/// Two informers hear of a mode at different times. Neither who flips it, nor whom the administrator's flipping helps, gets
/// a label in between.
#[test]
fn no_label_in_the_moment_of_a_flip() -> Result {
    let hostile = Hostile::new(Installed::shared()?, "flipping", "off")?;
    hostile.victim("victim")?;
    let labels = json!({"app": "a", hostile.wanted(): "allowed"});
    let calls = json!({"netintent.dev/calls": format!("{}/ledger:admin", hostile.bank)});
    let path = format!("/api/v1/namespaces/{}", hostile.namespace);
    let (done, tried) = (AtomicBool::new(false), [0, 0].map(AtomicUsize::new));
    std::thread::scope(|scope| {
        let forge = |way: usize| {
            let (hostile, labels, calls, done, tried) = (&hostile, &labels, &calls, &done, &tried[way]);
            move || {
                let mut tries = 0;
                while !done.load(Ordering::Relaxed) {
                    let name = format!("forged-{way}-{tries}");
                    let metadata = if tries % 2 == 0 {
                        json!({"labels": labels, "annotations": calls})
                    } else {
                        json!({"labels": labels})
                    };
                    let attempt = if way == 0 {
                        Attempt::post(hostile, &name, &pod(hostile, &name, &metadata))
                    } else {
                        Attempt::patch(hostile, "victim", ["", "/status"][tries % 2], "merge", &metadata)
                    };
                    attempt.make(&hostile.user)?;
                    tries += 1;
                    tried.store(tries, Ordering::Relaxed);
                }
                Ok::<_, netintent_tests::Error>(())
            }
        };
        let forgers: Vec<_> = [0, 1].map(|way| scope.spawn(forge(way))).into_iter().collect();
        let flip = || {
            // Sixty, and more where the forgers are slow.
            let enough = || tried.iter().all(|tried| tried.load(Ordering::Relaxed) > 10);
            for at in (0..).take_while(|at| *at < 60 || !enough() && *at < 6000) {
                let mode = ["enforce", "off", "shadow", "off"][at % 4];
                let patch = json!({"metadata": {"labels": {"netintent.dev/mode": mode}}});
                assert!(hostile.installed.admin().patch(&path, "merge", &patch)?.is_success());
                let own = json!({"metadata": {"labels": {"netintent.dev/mode": "shadow"}}});
                hostile.user.patch(&format!("{path}/status"), "merge", &own)?;
            }
            Ok::<_, netintent_tests::Error>(())
        };
        let flipped = flip();
        done.store(true, Ordering::Relaxed);
        for forger in forgers {
            forger.join().map_err(|_| "a forger panicked")??;
        }
        flipped?;
        assert!(tried.iter().all(|tried| tried.load(Ordering::Relaxed) > 10), "{tried:?}");
        Ok::<_, Box<dyn std::error::Error>>(())
    })?;
    hostile.check_none()
}

/// What was gained in a managed namespace is no ticket once it has left, and what is asked for before a namespace becomes
/// managed is not given when it does.
#[test]
fn a_namespace_that_leaves_or_joins_gives_nothing() -> Result {
    let installed = Installed::shared()?;
    let hostile = Hostile::new(installed, "leaves", "shadow")?;
    hostile.check_approved("kept")?;
    let set = |hostile: &Hostile<'_>, mode: &str| {
        let patch = json!({"metadata": {"labels": {"netintent.dev/mode": mode}}});
        let path = format!("/api/v1/namespaces/{}", hostile.namespace);
        installed.admin().patch(&path, "merge", &patch).map(|reply| assert!(reply.is_success(), "{reply:?}"))
    };
    set(&hostile, "off")?;
    for key in [hostile.wanted(), hostile.approved()] {
        let attempts = ways(&hostile, &json!({"app": key.len().to_string(), &key: "allowed"}));
        let gave = hostile.attempt(&attempts)?;
        // Running pods are the controller's to put right; none of them helps another.
        assert_eq!(gave, BTreeSet::from(["kept".to_owned()]), "{key}");
        for name in attempts.iter().map(|attempt| &attempt.name) {
            installed.admin().delete(&format!("{}/{name}?gracePeriodSeconds=0", hostile.pods()))?;
        }
    }
    let hostile = Hostile::new(installed, "joins", "off")?;
    let calls = |port: &str| json!({"annotations": {"netintent.dev/calls": format!("{}/ledger:{port}", hostile.bank)}});
    for port in ["rpc", "admin"] {
        create(&hostile.user, &pod(&hostile, port, &calls(port)))?;
    }
    hostile.check_none()?;
    set(&hostile, "enforce")?;
    let path = format!("{}/rpc", hostile.pods());
    let gained = installed.until("the namespace is seen to be managed", || {
        let touch =
            json!({"metadata": {"labels": {"touched": format!("{:?}", std::time::Instant::now()).len().to_string()}}});
        hostile.user.patch(&path, "merge", &json!({"metadata": {"labels": {"touched": null}}}))?;
        let labels = reserved(&hostile.user.patch(&path, "merge", &touch)?.body);
        Ok((!labels.is_empty()).then_some(labels))
    })?;
    assert_eq!(gained, BTreeSet::from([hostile.approved() + "=allowed"]));
    let touch = json!({"labels": {"touched": "1", hostile.wanted(): "allowed"}});
    Attempt::patch(&hostile, "admin", "", "merge", &touch).make(&hostile.user)?;
    hostile.check()
}

/// Pods that carried labels before netintent was there. `netintent:recover` writes them, as one could then.
#[test]
fn what_was_there_before_spreads_to_nobody() -> Result {
    let installed = Installed::shared()?;
    for mode in ["enforce", "shadow", "off"] {
        let hostile = Hostile::new(installed, &format!("before-{mode}"), mode)?;
        let file = installed.plane().admin().scratch().file(
            &format!("before-{mode}.json"),
            json!({"apiVersion": "v1", "kind": "List", "items":
                (0..5).map(|at| pod(&hostile, &format!("before-{at}"), &json!({"labels": {"app": "a", hostile.wanted(): "allowed"}})))
                    .collect::<Vec<_>>()})
            .to_string(),
        )?;
        let file = file.display().to_string();
        let groups = ["--as=admin", "--as-group=system:masters", "--as-group=netintent:recover"];
        installed.plane().admin().text(["create", "-f", &file].iter().chain(&groups))?;
        assert_eq!(hostile.labels()?.iter().filter(|(_, labels)| !labels.is_empty()).count(), 5);
        let change = |name: &str, labels: Value| {
            Attempt::patch(&hostile, name, "", "merge", &json!({"labels": labels})).make(&hostile.user)
        };
        change("before-0", json!({"app": "b"}))?;
        change("before-1", json!({"app": "c", hostile.approved(): "allowed"}))?;
        change("before-2", json!({hostile.wanted(): "Allowed"}))?;
        change("before-3", json!({hostile.wanted(): null}))?;
        change("before-3", json!({hostile.wanted(): "allowed"}))?;
        Attempt::patch(&hostile, "before-4", "/status", "merge", &json!({"labels": {"app": "d"}}))
            .make(&hostile.user)?;
        let wanted = BTreeSet::from([hostile.wanted() + "=allowed"]);
        for (name, labels) in hostile.labels()? {
            // In a managed namespace whatever touches the labels puts them right. Else they stay, until the controller
            // comes by; what was given up is gone, and nothing is added.
            let stays = name != "before-3" && (mode == "off" || name == "before-2" && labels == wanted);
            assert_eq!(labels, if stays { wanted.clone() } else { BTreeSet::new() }, "{mode} {name}");
        }
    }
    Ok(())
}
