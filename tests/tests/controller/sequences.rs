//! Whatever changes, in whatever order, and whoever is killed meanwhile: in the end all is as the pure functions say.
//!
//! `NETINTENT_SEED` repeats a sequence, which a failure names.

use std::time::{SystemTime, UNIX_EPOCH};

use netintent_tests::{Certificates, Installation, Installed};
use serde_json::{Value, json};

use crate::Result;
use crate::cluster::{from_block, namespaces, settles, wanted};
use crate::objects::{approval, deployment, path, service};

/// How many changes there are.
const CHANGES: usize = 150;
const NAMESPACES: [&str; 3] = ["shop", "bank", "desk"];
const MODES: [&str; 3] = ["off", "shadow", "enforce"];

/// Numbers that look random, and are the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % bound
    }

    fn of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[self.below(all.len())]
    }
}

/// Does something, which may well be refused.
fn change(installed: &Installed, random: &mut Random) -> Result {
    let admin = installed.admin();
    let (here, there) = (random.of(&NAMESPACES), random.of(&NAMESPACES));
    let name = random.of(&["ledger", "cards"]);
    let callee = random.of(&["ledger:rpc", "cards:rpc", "ledger", "*", "*:admin"]);
    let at = |kind: &str, namespace: &str, name: &str| format!("{}/{name}", path(kind, namespace));
    let merge = |path: &str, patch: &Value| admin.patch(path, "merge", patch);
    let mode = |mode: &str| json!({"metadata": {"labels": {"netintent.dev/mode": mode}}});
    match random.below(12) {
        0 | 1 => drop(merge(&at("Namespace", "", here), &mode(random.of(&MODES)))?),
        2 => drop(merge(&at("Service", here, name), &mode(random.of(&["off", "enforce", "none"])))?),
        3 => drop(admin.post(&path("Service", here), &service(here, name))?),
        4 => drop(admin.delete(&at("Service", here, name))?),
        5 | 6 => {
            let callers = random.of(&["shop/web", "desk/*", "*/*", "bank/web"]);
            let mut object = approval(here, name, &[callers], &[callee]);
            if random.below(3) == 0 {
                object["spec"]["from"] = from_block("10.0.0.0/8");
            }
            drop(admin.post(&path("Approval", here), &object)?);
        }
        7 => {
            merge(&at("Approval", here, name), &json!({"metadata": {"annotations": {"netintent.dev/revoked": "x"}}}))?;
            drop(admin.delete(&at("Approval", here, name))?);
        }
        8 => {
            let calls = json!({"metadata": {"annotations": {"netintent.dev/calls": format!("{there}/{callee}")}}});
            drop(merge(&at("ServiceAccount", here, "default"), &calls)?);
        }
        9 => {
            let prohibition = json!({"apiVersion": "netintent.dev/v1alpha1", "kind": "ClusterProhibition",
                "metadata": {"name": here}, "spec": {"callers": [format!("{here}/*")], "callees": [format!("{there}/ledger")]}});
            if admin.post(&path("ClusterProhibition", ""), &prohibition)?.status == 409 {
                admin.delete(&at("ClusterProhibition", "", here))?;
            }
        }
        10 => {
            let calls = format!("{there}/{callee}");
            if admin.post(&path("Deployment", here), &deployment(here, "web", &calls))?.status == 409 {
                admin.delete(&format!("{}?propagationPolicy=Background", at("Deployment", here, "web")))?;
            }
        }
        _ => {
            let policy = at("NetworkPolicy", here, &format!("netintent-{name}"));
            merge(&policy, &json!({"spec": {"ingress": [{}]}}))?;
        }
    }
    Ok(())
}

#[test]
fn sequences_of_changes_end_as_they_should() -> Result {
    let installed = Installed::start_with(&Installation {
        replicas: 2,
        balanced: true,
        certificates: Certificates::Own,
        ..wanted()
    })?;
    namespaces(&installed, &[("shop", "shadow"), ("bank", "enforce"), ("desk", "off")])?;
    let seed = match std::env::var("NETINTENT_SEED") {
        Ok(seed) => seed.parse()?,
        Err(_) => SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
    };
    let mut random = Random(seed);
    for number in 0..CHANGES {
        change(&installed, &mut random)?;
        if number % 50 == 25 {
            // One of them leads. The other one answers, and takes over.
            let replica = &installed.replicas()[random.below(2)];
            replica.kill();
            for _ in 0..10 {
                change(&installed, &mut random)?;
            }
            replica.run()?;
            installed.wait_until_ready()?;
        }
        if number % 50 == 49 {
            settles(&installed, &format!("after {number} changes of NETINTENT_SEED={seed}"), &NAMESPACES)?;
        }
    }
    Ok(())
}
