//! The webhook is killed, does not answer, comes back; and at last nobody guards anything.

use std::collections::BTreeSet;
use std::net::TcpListener;

use netintent_tests::Installed;
use serde_json::json;

use super::attempt::Attempt;
use super::{Hostile, mode, pods, templates};
use crate::Result;

const MODES: [&str; 3] = ["enforce", "shadow", "off"];

fn hostiles<'i>(installed: &'i Installed, prefix: &str) -> Result<Vec<(Hostile<'i>, Vec<Attempt>)>> {
    let mut all = Vec::new();
    for mode in MODES {
        let hostile = Hostile::new(installed, &format!("{prefix}-{mode}"), mode)?;
        let attempts = pods::ways(&hostile, &json!({"app": "a", hostile.wanted(): "allowed"}));
        hostile.victims(&attempts)?;
        all.push((hostile, attempts));
    }
    Ok(all)
}

fn make(hostile: &Hostile<'_>, attempts: &[Attempt]) -> Result {
    assert_eq!(hostile.attempt_at_once(attempts)?, BTreeSet::new(), "{}", hostile.namespace);
    Ok(())
}

/// One control plane of its own for all of it, since a start costs more than the attempts.
#[test]
fn without_the_webhook_nobody_gains_a_label() -> Result {
    let installed = Installed::start()?;
    let webhook = installed.webhook();
    let killed = hostiles(&installed, "killed")?;
    let slow = hostiles(&installed, "slow")?;
    webhook.kill();
    for (hostile, attempts) in &killed {
        make(hostile, attempts)?;
        mode::flips(hostile)?;
        templates::refused(hostile)?;
    }
    // Whoever connects is let in by the system and answered by nobody.
    let address = webhook.url().trim_start_matches("https://").to_owned();
    let mute = TcpListener::bind(&address)?;
    for (hostile, attempts) in &slow {
        make(hostile, attempts)?;
    }
    drop(mute);
    webhook.run()?;
    for (hostile, _) in killed.iter().chain(&slow).filter(|(hostile, _)| !hostile.namespace.ends_with("off")) {
        hostile.check_approved("approved")?;
        hostile.check()?;
    }
    unguarded(&installed)
}

/// What the tests of this folder attempt does succeed without the registrations: it is those that prevent it.
fn unguarded(installed: &Installed) -> Result {
    let admin = installed.admin();
    let group = "/apis/admissionregistration.k8s.io/v1";
    for plural in
        ["validatingadmissionpolicybindings", "validatingwebhookconfigurations", "mutatingwebhookconfigurations"]
    {
        for object in admin.get(&format!("{group}/{plural}"))?.body["items"].as_array().into_iter().flatten() {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            if name.starts_with("netintent") {
                assert!(admin.delete(&format!("{group}/{plural}/{name}"))?.is_success(), "{name}");
            }
        }
    }
    let hostile = Hostile::new(installed, "unguarded", "off")?;
    let labels = json!({"app": "a", hostile.wanted(): "allowed"});
    // Each registration goes out of effect in a moment of its own.
    installed.until("nobody guards pods", || {
        let pod = super::attempt::pod(&hostile, "probe", &json!({"labels": labels}));
        Ok(templates::would(&hostile.user, &pod).is_ok_and(|reply| reply.is_success()).then_some(()))
    })?;
    for (what, object) in templates::forged(&hostile, &hostile.wanted()) {
        installed.until(&format!("nobody guards templates: {what}"), || {
            Ok(templates::would(&hostile.user, &object).is_ok_and(|reply| reply.is_success()).then_some(()))
        })?;
    }
    let path = format!("/api/v1/namespaces/{}/status", hostile.namespace);
    installed.until("nobody guards modes", || {
        let patch = json!({"metadata": {"labels": {"netintent.dev/mode": "shadow"}}});
        Ok(hostile.user.patch(&path, "merge", &patch)?.is_success().then_some(()))
    })?;
    let attempts = pods::ways(&hostile, &labels);
    let works = attempts.iter().filter(|attempt| attempt.works).map(|attempt| attempt.name.clone());
    assert_eq!(hostile.attempt(&attempts)?, works.collect());
    Ok(())
}
