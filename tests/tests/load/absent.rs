//! No replica is there for ten minutes, and things change. When they are back, all is as if nothing had happened.
//!
//! These ten minutes pass beside the loads, which would otherwise have to wait for them. What is work waits for its turn as
//! every load does: the beginning, before the replicas go, and the end, when they are back. In between there is a change every
//! two seconds. Tests begin in the order of their names, of which this one's is the first, so that it is not what is left
//! over at the end; were it not, it would take longer, and be as right.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use netintent_tests::expected::{items, key, reserved};
use netintent_tests::history::{Limits, Recorder, check};
use netintent_tests::objects::{approval, create, deployment, revoke, service};
use netintent_tests::{Certificates, Changes, Installation, Installed, Random};

use crate::Result;
use crate::stand::turn;

/// How long nobody is there.
const ABSENT: Duration = Duration::from_mins(10);
/// How many milliseconds there are between two changes, at most.
const RESTS: u64 = 4000;
/// Where things change meanwhile.
const SCOPE: &str = "absent-";
/// Where nothing does.
const STILL: [(&str, &str); 2] = [("still-shop", "enforce"), ("still-bank", "enforce")];
/// Where something is revoked, and something new is to be protected.
const MISSED: [(&str, &str); 2] = [("missed-shop", "enforce"), ("missed-bank", "enforce")];

/// What there is where nothing changes: pods with their labels, and policies, each by its uid.
fn still(installed: &Installed) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for (namespace, _) in STILL {
        for kind in ["Pod", "NetworkPolicy"] {
            for object in items(installed.admin(), kind, namespace)? {
                let uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
                let says = if kind == "Pod" { format!("{:?}", reserved(&object)) } else { object["spec"].to_string() };
                all.insert(uid, format!("{kind} {:?}: {says}", key(&object)));
            }
        }
    }
    Ok(all)
}

/// A caller with its label, of a callee with its policy.
fn set_up(installed: &Installed, [(shop, _), (bank, _)]: [(&str, &str); 2]) -> Result {
    let admin = installed.admin();
    create(admin, &service(bank, "ledger"))?;
    create(admin, &approval(bank, "web", &[&format!("{shop}/web")], &["ledger:rpc"]))?;
    create(admin, &deployment(shop, "web", &format!("{bank}/ledger:rpc")))?;
    installed.until("there is a pod with its label", || {
        let pods = items(admin, "Pod", shop)?;
        Ok(pods.iter().any(|pod| !reserved(pod).is_empty()).then_some(()))
    })?;
    Ok(())
}

#[test]
fn ten_minutes_without_a_replica_are_made_good() -> Result {
    let seed = Random::seed()?;
    let mut random = Random::new(seed);
    let began = turn();
    let installed = Installed::start_with(&Installation {
        replicas: 2,
        balanced: true,
        certificates: Certificates::Own,
        controller: true,
        ..Installation::default()
    })?;
    let recorder = Recorder::start(installed.admin())?;
    let changes = Changes::new(installed.admin().clone(), SCOPE);
    let all: Vec<(&str, &str)> = changes.namespaces().into_iter().chain(STILL).chain(MISSED).collect();
    for (namespace, mode) in &all {
        installed.namespace(namespace, mode)?;
    }
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    set_up(&installed, STILL)?;
    set_up(&installed, MISSED)?;
    changes.begin()?;
    installed.settles("at first", &names)?;
    let before = still(&installed)?;

    for replica in installed.replicas() {
        replica.kill();
    }
    drop(began);
    let gone = Instant::now();
    let [_, (bank, _)] = MISSED;
    revoke(installed.admin(), bank, "web")?;
    create(installed.admin(), &service(bank, "cards"))?;
    while gone.elapsed() < ABSENT {
        changes.change(&mut random)?;
        thread::sleep(Duration::from_millis(random.below(RESTS)));
    }
    assert_eq!(still(&installed)?, before, "nothing has changed of what nobody has touched");
    let differ = installed.differences(&names)?.len();

    let _back = turn();
    for replica in installed.replicas() {
        replica.run()?;
    }
    installed.wait_until_ready()?;
    let back = Instant::now();
    installed.settles(&format!("the replicas are back, NETINTENT_SEED={seed}"), &names)?;
    let took = back.elapsed();
    assert_eq!(still(&installed)?, before, "nothing has changed of what nobody has touched");
    recorder.catch_up(&installed, SCOPE)?;
    let history = recorder.end()?;
    let report = check(&history, SCOPE, &changes.own(), &Limits::default())?;
    let told: Vec<String> = report.violations.iter().take(5).map(ToString::to_string).collect();
    assert!(told.is_empty(), "NETINTENT_SEED={seed}:\n{}", told.join("\n"));
    let made = changes.made();
    // A label that was revoked and a policy that was missing had to be made good at least.
    assert!(differ >= 2 && made.done > 60, "{differ} differences after {made:?}");
    writeln!(
        std::io::stderr(),
        "absent: {} changes, {} of them done; {differ} differences were made good in {took:.1?}; {}",
        made.asked,
        made.done,
        report.figures()
    )?;
    Ok(())
}
