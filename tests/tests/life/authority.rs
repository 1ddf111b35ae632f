//! Replicas share one authority, and none ever serves a certificate that the caBundles do not cover.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use netintent_tests::raw::{bundle, bundles, served, trusting_only};
use netintent_tests::{Certificates, Installation, Installed, User, runtime};
use netintent_webhook::certificates::Authorities;
use serde_json::{Value, json};

use crate::Result;

pub(crate) const SECRETS: &str = "/api/v1/namespaces/netintent-system/secrets";
const SECRET: &str = "/api/v1/namespaces/netintent-system/secrets/netintent-authority";
const CONFIGURATIONS: &str = "/apis/admissionregistration.k8s.io/v1";

/// An installation of two replicas that have an authority of their own, yet without either running.
pub(crate) fn two() -> Installation {
    Installation {
        replicas: 2,
        balanced: true,
        certificates: Certificates::Own,
        controllers: false,
        ..Installation::default()
    }
}

/// The Secret as a replica would have written it so long ago.
pub(crate) fn aged(by: SignedDuration) -> Result<Value> {
    let all = Authorities::generate(Timestamp::now() - by)?;
    let data = all.data().into_iter().map(|(key, value)| (key, Value::from(STANDARD.encode(value))));
    Ok(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "netintent-authority"},
        "data": data.collect::<serde_json::Map<_, _>>()}))
}

/// One entry of the Secret.
pub(crate) fn stored(admin: &User, key: &str) -> Result<Option<String>> {
    let secret = admin.get(SECRET)?.body;
    let Some(text) = secret["data"][key].as_str() else { return Ok(None) };
    Ok(Some(String::from_utf8(STANDARD.decode(text)?)?))
}

/// What was seen of the replicas' certificates.
#[derive(Debug, Default)]
struct Seen {
    /// Different certificates, over both replicas.
    leaves: BTreeSet<Vec<u8>>,
    handshakes: usize,
    /// Handshakes of a replica that answered, and was not trusted.
    untrusted: Vec<String>,
}

/// Connects to every replica again and again, trusting what the caBundles say, until it is told to stop.
fn probe(installed: &Installed, stop: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    while !stop.load(Ordering::Relaxed) {
        for replica in installed.replicas() {
            match handshake(installed, replica.ports().0) {
                Handshake::Trusted(leaf) => {
                    seen.handshakes += 1;
                    seen.leaves.insert(leaf);
                }
                Handshake::Untrusted(why) => seen.untrusted.push(why),
                Handshake::Nobody => {}
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
    seen
}

enum Handshake {
    Trusted(Vec<u8>),
    Untrusted(String),
    /// Nobody listens there, or there is no bundle to trust.
    Nobody,
}

/// A certificate that the bundles did not have when they were read may be there a moment later: they are read again before
/// that counts.
fn handshake(installed: &Installed, port: u16) -> Handshake {
    let mut last = Handshake::Nobody;
    for _ in 0..2 {
        last = match served_to_all(installed, port) {
            Ok(leaf) => return Handshake::Trusted(leaf),
            Err(error) if error.to_string().contains("certificate") => Handshake::Untrusted(error.to_string()),
            Err(_) => return Handshake::Nobody,
        };
    }
    last
}

/// The certificate that a replica serves to whoever trusts what a registration says, whichever that is: they may differ while
/// a rotation writes one after the other.
fn served_to_all(installed: &Installed, port: u16) -> Result<Vec<u8>> {
    let mut leaf = Err("no registration".into());
    for bundle in bundles(installed)? {
        leaf = Ok(runtime()?.block_on(served(&trusting_only(&bundle)?, port))?);
    }
    leaf
}

/// Starts both replicas at the same moment, and looks on until `done`.
fn watched(installed: &Installed, done: impl Fn() -> Result<bool>) -> Result<Seen> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let looks = scope.spawn(|| probe(installed, &stop));
        let runs: Vec<_> = installed.replicas().iter().map(|replica| scope.spawn(|| replica.run())).collect();
        let started = runs
            .into_iter()
            .try_for_each(|run| run.join().map_err(|_| "a replica did not start")?.map_err(|e| e.to_string()));
        let finished = started.map_err(Into::into).and_then(|()| {
            Ok(installed
                .until("the certificates are as they should be", || Ok(done().unwrap_or_default().then_some(())))?)
        });
        stop.store(true, Ordering::Relaxed);
        let seen = looks.join().map_err(|_| "the probe panicked")?;
        finished.map(|()| seen)
    })
}

#[test]
fn two_that_start_at_once_end_with_one_authority() -> Result {
    let installed = Installed::prepare(&two())?;
    let current = || stored(installed.admin(), "tls.crt");
    assert_eq!(current()?, None, "an empty cluster");
    let seen = watched(&installed, || Ok(handshakes_of_both(&installed)?.len() == 2))?;
    assert_eq!(seen.untrusted, [""; 0]);
    assert!(seen.handshakes >= 2 && seen.leaves.len() == 2, "{seen:?}");
    // There is one authority, and it is all that is trusted.
    assert_eq!(bundle(&installed)?.trim(), current()?.ok_or("no authority")?.trim());
    installed.wait_until_in_effect()?;
    Ok(())
}

/// The certificate that each replica serves, once both do.
fn handshakes_of_both(installed: &Installed) -> Result<BTreeSet<Vec<u8>>> {
    installed.replicas().iter().map(|replica| served_to_all(installed, replica.ports().0)).collect()
}

/// The authority was made ten months ago: to it, the clock has moved. Both replicas rotate it, at the same time, while they
/// answer.
#[test]
fn a_rotation_that_is_due_is_felt_by_nobody() -> Result {
    let installed = Installed::prepare(&two())?;
    let secret = aged(SignedDuration::from_hours(300 * 24))?;
    let reply = installed.admin().post(SECRETS, &secret)?;
    assert!(reply.is_success(), "{reply:?}");
    let old = stored(installed.admin(), "tls.crt")?.ok_or("no authority")?;
    let seen = watched(&installed, || {
        let rotated = stored(installed.admin(), "tls.crt")?.is_some_and(|new| new != old);
        Ok(rotated && renewed(&installed)?)
    })?;
    assert_eq!(seen.untrusted, [""; 0]);
    // Both served by the old one first, and then by the new one, which may not have been looked at any more.
    let mut leaves = seen.leaves;
    leaves.extend(handshakes_of_both(&installed)?);
    assert_eq!(leaves.len(), 4, "{} handshakes", seen.handshakes);
    assert_eq!(stored(installed.admin(), "previous.crt")?, Some(old), "what the old one signed is trusted for a while");
    assert_eq!(stored(installed.admin(), "next.crt")?, None);
    installed.wait_until_in_effect()?;
    Ok(())
}

/// Whether both replicas serve what only the current authority has signed.
fn renewed(installed: &Installed) -> Result<bool> {
    let current = stored(installed.admin(), "tls.crt")?.ok_or("no authority")?;
    let tls = trusting_only(&current)?;
    let all = installed.replicas().iter().map(|replica| runtime()?.block_on(served(&tls, replica.ports().0)));
    Ok(all.collect::<Result<Vec<_>>>().is_ok())
}

/// What is over is of no use: a year of rest is no outage either.
#[test]
fn an_authority_that_is_over_is_replaced_at_the_start() -> Result {
    let installed = Installed::prepare(&two())?;
    let reply = installed.admin().post(SECRETS, &aged(SignedDuration::from_hours(400 * 24))?)?;
    assert!(reply.is_success(), "{reply:?}");
    let old = stored(installed.admin(), "tls.crt")?;
    let seen = watched(&installed, || Ok(handshakes_of_both(&installed)?.len() == 2))?;
    assert_eq!(seen.untrusted, [""; 0]);
    assert_ne!(stored(installed.admin(), "tls.crt")?, old);
    Ok(())
}

/// A Secret that somebody has broken is written anew, and what is served meanwhile stays trusted.
#[test]
fn a_broken_secret_is_a_rotation() -> Result {
    let installed = Installed::start_with(&two())?;
    let admin = installed.admin();
    let old = stored(admin, "tls.crt")?.ok_or("no authority")?;
    let reply = admin.patch(SECRET, "merge", &json!({"data": {"tls.key": STANDARD.encode("no key")}}))?;
    assert!(reply.is_success(), "{reply:?}");
    let stop = AtomicBool::new(false);
    let seen = thread::scope(|scope| {
        let looks = scope.spawn(|| probe(&installed, &stop));
        let done = installed.until("the authority is another", || {
            Ok(stored(admin, "tls.crt")
                .ok()
                .flatten()
                .filter(|new| *new != old)
                .filter(|_| renewed(&installed).unwrap_or_default()))
        });
        stop.store(true, Ordering::Relaxed);
        let seen = looks.join().map_err(|_| "the probe panicked")?;
        done?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(seen)
    })?;
    assert_eq!(seen.untrusted, [""; 0]);
    assert_eq!(stored(admin, "previous.crt")?, Some(old));
    Ok(())
}

/// Nobody else's entries are touched, and of ours only the bundle.
#[test]
fn only_the_bundles_are_written() -> Result {
    let installed = Installed::start_with(&two())?;
    for kind in ["mutating", "validating"] {
        let path = format!("{CONFIGURATIONS}/{kind}webhookconfigurations/netintent");
        let object = installed.admin().get(&path)?.body;
        let managers = object["metadata"]["managedFields"].as_array().ok_or("no managers")?;
        let ours = managers.iter().find(|manager| manager["manager"] == "netintent-certificates").ok_or("not ours")?;
        let entries = ours["fieldsV1"]["f:webhooks"].as_object().ok_or("no entries")?;
        assert_eq!(entries.len(), object["webhooks"].as_array().map_or(0, Vec::len));
        for (name, fields) in entries {
            assert_eq!(*fields, json!({"f:clientConfig": {"f:caBundle": {}}}), "{name}");
        }
    }
    Ok(())
}

/// Whoever applies other manifests can rename an entry, and take one out: no half of it stays behind.
#[test]
fn entries_can_be_renamed_and_removed() -> Result {
    let installed = Installed::start_with(&two())?;
    let path = format!("{CONFIGURATIONS}/validatingwebhookconfigurations/netintent");
    let mut object = installed.admin().get(&path)?.body;
    let mut entries = object["webhooks"].as_array().cloned().ok_or("no entries")?;
    entries.retain(|entry| entry["name"] != "shadow.workloads.netintent.dev");
    for entry in &mut entries {
        if entry["name"] == "enforce.workloads.netintent.dev" {
            entry["name"] = "renamed.workloads.netintent.dev".into();
        }
        entry["clientConfig"].as_object_mut().ok_or("no client")?.remove("caBundle");
    }
    object = json!({"apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": {"name": "netintent"}, "webhooks": entries});
    // As the manager that the harness applied them by.
    let reply = installed.admin().patch(&format!("{path}?fieldManager=kubectl&force=true"), "apply", &object)?;
    assert!(reply.is_success(), "{reply:?}");
    installed.until("every entry has the bundle, the new one too", || {
        let object = installed.admin().get(&path)?.body;
        let found = object["webhooks"].as_array().cloned().unwrap_or_default();
        let names: Vec<&str> = found.iter().filter_map(|entry| entry["name"].as_str()).collect();
        let covered =
            found.iter().all(|entry| entry["clientConfig"]["caBundle"].as_str().is_some_and(|b| !b.is_empty()));
        let changed = names.contains(&"renamed.workloads.netintent.dev") && found.len() == entries.len();
        Ok((covered && changed).then_some(()))
    })?;
    Ok(())
}

/// A Secret that cannot be written keeps nobody from serving what is in it.
#[test]
fn a_secret_that_cannot_be_written_is_still_signed_with() -> Result {
    let installed = Installed::prepare(&two())?;
    let mut secret = aged(SignedDuration::from_hours(300 * 24))?;
    secret["immutable"] = true.into();
    let reply = installed.admin().post(SECRETS, &secret)?;
    assert!(reply.is_success(), "{reply:?}");
    installed.webhook().run()?;
    installed.until("it says what fails", || {
        Ok((installed.webhook().counted("certificate_failures", "")? > 0).then_some(()))
    })?;
    Ok(())
}

/// A certificate that is no authority's is not signed with, whoever put it there.
#[test]
fn a_secret_of_something_else_is_written_anew() -> Result {
    let installed = Installed::start_with(&two())?;
    let server = installed.plane().authority().server(&["localhost"])?;
    let data = json!({"tls.crt": STANDARD.encode(&server.certificate), "tls.key": STANDARD.encode(&server.key)});
    let reply = installed.admin().patch(SECRET, "merge", &json!({"data": data}))?;
    assert!(reply.is_success(), "{reply:?}");
    installed.until("an authority is stored", || {
        let stored = stored(installed.admin(), "tls.crt").ok().flatten();
        Ok(stored.filter(|stored| *stored != server.certificate).map(drop))
    })?;
    assert_eq!(handshakes_of_both(&installed)?.len(), 2, "both are trusted meanwhile");
    Ok(())
}
