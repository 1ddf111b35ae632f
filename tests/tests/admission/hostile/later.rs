//! Another mutating webhook gives the label: before ours, after ours, and again when ours has taken it away.

use std::collections::BTreeSet;

use netintent_tests::{Installed, User};
use serde_json::json;

use super::pods::ways;
use super::server::Labeller;
use super::{Hostile, gained};
use crate::Result;
use crate::manifests::workload;

const CONFIGURATIONS: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";

/// Registers a webhook by this name that labels all of the user's pods, and waits until it is asked.
fn register(hostile: &Hostile<'_>, name: &str) -> Result<Labeller> {
    let (admin, authority) = (hostile.installed.admin(), hostile.installed.plane().authority());
    let labeller = Labeller::start(authority, &hostile.wanted())?;
    let name = format!("{name}-{}", hostile.namespace);
    let reply = admin.post(CONFIGURATIONS, &labeller.registration(authority, &name, &hostile.namespace))?;
    assert!(reply.is_success(), "{reply:?}");
    let path = format!("{}?dryRun=All", hostile.pods());
    hostile.installed.until("the other webhook is asked", || {
        hostile.user.post(&path, &workload("Pod", &hostile.namespace, "probe", ""))?;
        Ok((labeller.asked() > 0).then_some(()))
    })?;
    Ok(labeller)
}

fn by_another(name: &str, mode: &str) -> Result {
    let hostile = Hostile::new(Installed::shared()?, &format!("other-{name}-{mode}"), mode)?;
    let attempts = ways(&hostile, &json!({"app": "a", "of": "nobody"}));
    for attempt in attempts.iter().filter(|attempt| attempt.victim) {
        hostile.victim(&attempt.name)?;
    }
    let labeller = register(&hostile, name)?;
    let mut gave = BTreeSet::new();
    for attempt in &attempts {
        if gained(&attempt.make(&hostile.user)?) {
            gave.insert(&attempt.name);
        }
    }
    assert_eq!(gave, BTreeSet::new());
    assert!(labeller.asked() > attempts.len() / 2, "{}", labeller.asked());
    hostile.check_none()
}

#[test]
fn a_webhook_before_ours_gives_nothing() -> Result {
    by_another("a-before", "enforce")?;
    by_another("a-before", "off")
}

#[test]
fn a_webhook_after_ours_gives_nothing() -> Result {
    by_another("z-after", "enforce")?;
    by_another("z-after", "shadow")
}

/// It does give the label where nobody guards it.
#[test]
fn a_webhook_gives_a_label_where_nobody_guards_it() -> Result {
    let installed = Installed::shared()?;
    let hostile = Hostile::in_group(installed, "other-control", "enforce", "netintent:recover")?;
    register(&hostile, "z-after")?;
    let post = |user: &User| user.post(&hostile.pods(), &workload("Pod", &hostile.namespace, "labelled", ""));
    let reply = post(&hostile.user)?;
    assert!(gained(&reply), "{reply:?}");
    Ok(())
}
