//! Whatever changes, by many hands at once, and whoever is killed meanwhile: no step is wrong, and in the end all is as the
//! pure functions say.
//!
//! `NETINTENT_SEQUENCES` says how many sequences there are, and `NETINTENT_SEED` repeats those of a seed, which a failure
//! names. Some run at the same time, each in namespaces of its own, and share the two replicas that are killed.

use std::io::Write as _;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use netintent_tests::history::{Limits, Recorder, Report, check};
use netintent_tests::{Certificates, Changes, Installation, Installed, Made, Random};
use serde_json::json;

use crate::Result;
use crate::cluster::{namespaces, wanted};
use crate::failover::leading;
use crate::objects::path;

/// How many sequences there are, unless `NETINTENT_SEQUENCES` says another number.
const SEQUENCES: usize = 20;
/// How many run at the same time.
const TOGETHER: usize = 10;
/// How many clients make the changes of one, and how many each makes.
const CLIENTS: usize = 3;
const CHANGES: usize = 50;
/// How many milliseconds a client rests after each, at most.
const RESTS: u64 = 1000;
/// How many milliseconds a replica is gone, at most: longer than a Lease lasts.
const GONE: u64 = 17_000;

/// How late what is done may be. A watch is late by milliseconds, and on a machine that does all this at once by more.
const LIMITS: Limits =
    Limits { written: Duration::from_secs(2), deleted: Duration::from_secs(1), amiss: Duration::from_secs(15) };

/// What befalls the replicas, until all changes are made.
fn chaos(installed: &Installed, random: &mut Random, left: &AtomicUsize) -> Result {
    let goes_on = || left.load(Ordering::Relaxed) > 0;
    while goes_on() {
        thread::sleep(Duration::from_millis(random.below(4000)));
        let lease = format!("{}/netintent", path("Lease", "netintent-system"));
        match random.below(7) {
            0 => drop(installed.admin().delete(&lease)?),
            1 => {
                let mut object = installed.admin().get(&lease)?.body;
                let spec = json!({"holderIdentity": "thief", "leaseDurationSeconds": 1 + random.below(3)});
                object["spec"] = spec;
                installed.admin().put(&lease, &object)?;
            }
            2 => {
                for replica in installed.replicas() {
                    replica.kill();
                }
                thread::sleep(Duration::from_millis(random.below(3000)));
                for replica in installed.replicas() {
                    replica.run()?;
                }
            }
            number => {
                // Mostly the one that leads.
                let leader = leading(installed).first().copied().unwrap_or_default();
                let replica = &installed.replicas()[if number == 3 { 1 - leader } else { leader }];
                replica.kill();
                thread::sleep(Duration::from_millis(random.below(GONE)));
                replica.run()?;
            }
        }
    }
    Ok(installed.wait_until_ready()?)
}

/// Some sequences at the same time.
fn together(installed: &Installed, seed: u64, numbers: Range<usize>) -> Result<(Report, Made)> {
    let recorder = Recorder::start(installed.admin())?;
    let scopes: Vec<String> = numbers.clone().map(|number| format!("s{number}-")).collect();
    let all: Vec<Changes> = scopes.iter().map(|scope| Changes::new(installed.admin().clone(), scope)).collect();
    let mut randoms: Vec<Random> = numbers.map(|number| Random::new(seed.wrapping_add(number as u64))).collect();
    for changes in &all {
        namespaces(installed, &changes.namespaces())?;
        changes.begin()?;
    }
    let mut fate = randoms.first().cloned().ok_or("no sequence")?.fork();
    let left = AtomicUsize::new(all.len() * CLIENTS);
    let make = |changes: &Changes, mut random: Random| -> std::result::Result<(), String> {
        let made = (0..CHANGES).try_for_each(|_| {
            changes.change(&mut random)?;
            thread::sleep(Duration::from_millis(random.below(RESTS)));
            Ok::<_, netintent_tests::Error>(())
        });
        left.fetch_sub(1, Ordering::Relaxed);
        made.map_err(|error| error.to_string())
    };
    thread::scope(|scope| {
        let clients = all
            .iter()
            .zip(&mut randoms)
            .flat_map(|(changes, random)| (0..CLIENTS).map(|_| (changes, random.fork())).collect::<Vec<_>>());
        let make = &make;
        let clients: Vec<_> = clients.map(|(changes, random)| scope.spawn(move || make(changes, random))).collect();
        let chaos = chaos(installed, &mut fate, &left);
        for client in clients {
            client.join().map_err(|_| "a client has panicked")??;
        }
        chaos
    })?;
    let (mut report, mut made) = (Report::default(), Made::default());
    for changes in &all {
        let names: Vec<&str> = changes.namespaces().iter().map(|(name, _)| *name).collect();
        installed.settles("after a sequence", &names)?;
    }
    for scope in &scopes {
        recorder.catch_up(installed, scope)?;
    }
    let history = recorder.end()?;
    for (changes, scope) in all.iter().zip(&scopes) {
        report.add(check(&history, scope, &changes.own(), &LIMITS)?);
        changes.end()?;
        made.asked += changes.made().asked;
        made.done += changes.made().done;
    }
    report.leaders = history.leaders();
    Ok((report, made))
}

#[test]
fn sequences_of_changes_are_right_at_every_step() -> Result {
    let count = std::env::var("NETINTENT_SEQUENCES").map_or(Ok(SEQUENCES), |text| text.parse())?;
    let seed = Random::seed()?;
    let installed = Installed::start_with(&Installation {
        replicas: 2,
        balanced: true,
        certificates: Certificates::Own,
        ..wanted()
    })?;
    let (mut report, mut made) = (Report::default(), Made::default());
    for first in (0..count).step_by(TOGETHER) {
        let numbers = first..count.min(first + TOGETHER);
        let of = format!("sequences {numbers:?} of NETINTENT_SEED={seed}");
        let (more, asked) = together(&installed, seed, numbers).map_err(|error| format!("{of}: {error}"))?;
        writeln!(std::io::stderr(), "{of}: {} changes, {} done: {}", asked.asked, asked.done, more.figures())?;
        let told: Vec<String> = more.violations.iter().take(5).map(ToString::to_string).collect();
        assert!(told.is_empty(), "{of}, {} violations:\n{}", more.violations.len(), told.join("\n"));
        report.add(more);
        made.asked += asked.asked;
        made.done += asked.done;
    }
    // What never happened can't have been wrong.
    let happened = [made.done, report.gains, report.losses, report.written, report.deleted];
    assert!(happened.iter().all(|many| *many >= count), "{}", report.figures());
    writeln!(std::io::stderr(), "{count} sequences: {} changes, {} done: {}", made.asked, made.done, report.figures())?;
    Ok(())
}
