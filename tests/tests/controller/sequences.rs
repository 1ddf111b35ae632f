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
use netintent_tests::{Certificates, Changes, Installation, Installed, Made, Random, Webhook};
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

/// How many milliseconds a replica is gone: mostly for a short while, and now and then for longer than a Lease lasts.
fn gone(random: &mut Random) -> u64 {
    let most = random.of(&[1500, 1500, 5000, 18_000]);
    random.below(most)
}

/// Kills replicas, and starts them again.
fn kill(replicas: &[&Webhook], random: &mut Random) -> Result<usize> {
    for replica in replicas {
        replica.kill();
    }
    thread::sleep(Duration::from_millis(gone(random)));
    for replica in replicas {
        replica.run()?;
    }
    Ok(replicas.len())
}

/// What befalls the replicas, until all changes are made; returns how many were killed.
fn chaos(installed: &Installed, random: &mut Random, left: &AtomicUsize) -> Result<usize> {
    let lease = format!("{}/netintent", path("Lease", "netintent-system"));
    let mut killed = 0;
    while left.load(Ordering::Relaxed) > 0 {
        thread::sleep(Duration::from_millis(random.below(4000)));
        let [one, other] = installed.replicas() else { return Err("there are not two replicas".into()) };
        let (leader, other) = if leading(installed) == [1] { (other, one) } else { (one, other) };
        killed += match random.below(if killed == 0 { 3 } else { 7 }) {
            // Mostly it is the one that leads.
            0..=2 => kill(&[leader], random)?,
            3 => kill(&[other], random)?,
            4 => kill(&[leader, other], random)?,
            5 => {
                installed.admin().delete(&lease)?;
                0
            }
            _ => {
                let mut object = installed.admin().get(&lease)?.body;
                object["spec"] = json!({"holderIdentity": "thief", "leaseDurationSeconds": 1 + random.below(3)});
                installed.admin().put(&lease, &object)?;
                0
            }
        };
    }
    installed.wait_until_ready()?;
    Ok(killed)
}

/// What some sequences came to.
#[derive(Default)]
struct Outcome {
    made: Made,
    /// How many replicas were killed.
    killed: usize,
    report: Report,
    /// What did not come to be as it should.
    unsettled: Vec<String>,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.made.asked += other.made.asked;
        self.made.done += other.made.done;
        self.killed += other.killed;
        self.report.add(other.report);
        self.unsettled.extend(other.unsettled);
    }

    /// What was wrong, some of it in full.
    fn wrong(&self) -> Option<String> {
        let violations = &self.report.violations;
        let told = self.unsettled.iter().cloned().chain(violations.iter().take(5).map(ToString::to_string));
        let told: Vec<String> = told.collect();
        (!told.is_empty()).then(|| format!("{} violations\n{}", violations.len(), told.join("\n")))
    }

    fn figures(&self) -> String {
        let (Made { asked, done }, killed) = (self.made, self.killed);
        format!("{asked} changes, {done} of them done, {killed} replicas killed: {}", self.report.figures())
    }
}

/// Some sequences at the same time.
fn together(installed: &Installed, seed: u64, numbers: Range<usize>) -> Result<Outcome> {
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
    let killed = thread::scope(|scope| {
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
    let mut outcome = Outcome { killed, ..Outcome::default() };
    for changes in &all {
        let names: Vec<&str> = changes.namespaces().iter().map(|(name, _)| *name).collect();
        outcome.unsettled.extend(installed.settles("after a sequence", &names).err().map(|error| error.to_string()));
    }
    for scope in &scopes {
        recorder.catch_up(installed, scope)?;
    }
    let history = recorder.end()?;
    for (changes, scope) in all.iter().zip(&scopes) {
        let report = check(&history, scope, &changes.own(), &Limits::default())?;
        outcome.add(Outcome { made: changes.made(), report, ..Outcome::default() });
        changes.end()?;
    }
    outcome.report.leaders = history.leaders();
    Ok(outcome)
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
    let mut all = Outcome::default();
    for first in (0..count).step_by(TOGETHER) {
        let numbers = first..count.min(first + TOGETHER);
        let of = format!("sequences {numbers:?} of NETINTENT_SEED={seed}");
        let outcome = together(&installed, seed, numbers).map_err(|error| format!("{of}: {error}"))?;
        writeln!(std::io::stderr(), "{of}: {}", outcome.figures())?;
        let wrong = outcome.wrong();
        assert!(wrong.is_none(), "{of}: {}", wrong.unwrap_or_default());
        all.add(outcome);
    }
    writeln!(std::io::stderr(), "{count} sequences: {}", all.figures())?;
    // What never happened can't have been wrong. Of few sequences, one may lack something.
    let report = &all.report;
    for many in [all.made.done, report.gains, report.losses, report.written, report.deleted, all.killed] {
        assert!(count < SEQUENCES || many > 0, "{}", all.figures());
    }
    Ok(())
}
