//! Between the webhook and the API server all goes wrong that can: it gets slower, and never wrong. What was known last
//! holds, and `/readyz` and the metrics say that it may be old.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use netintent_tests::expected::reserved;
use netintent_tests::history::{Limits, Recorder, check};
use netintent_tests::{Certificates, Changes, Fault, Installation, Installed, Random};

use crate::Result;
use crate::cluster::{namespaces, wanted};
use crate::objects::{approval, create, deployment, path, service};

/// Of what the changes are.
const SCOPE: &str = "fault-";
/// What is asked about all the time: a caller that is approved, and one that is not.
const PROBES: [(&str, &str); 2] = [("probe-shop", "enforce"), ("probe-bank", "enforce")];
/// How long things are bad, at least.
const SPAN: Duration = Duration::from_secs(25);
/// How many milliseconds there are between changes, at most.
const RESTS: u64 = 600;

/// How a pod without a controller is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// With the label, or with a refusal that says why.
    Right,
    /// Not decided, and so refused.
    None,
    Wrong,
}

/// Asks for a pod that is not stored.
fn probe(installed: &Installed, name: &str) -> Result<Answer> {
    let [(shop, _), (bank, _)] = PROBES;
    let mut pod = deployment(shop, name, &format!("{bank}/ledger:rpc"))["spec"]["template"].take();
    pod["metadata"]["name"] = name.into();
    let reply = installed.admin().post(&format!("{}?dryRun=All", path("Pod", shop)), &pod)?;
    let labels: BTreeSet<String> = reserved(&reply.body);
    let right: BTreeSet<String> = [format!("ledger.{bank}.to.netintent.dev/rpc=allowed")].into();
    Ok(match (name, reply.is_success()) {
        ("approved", true) if labels == right => Answer::Right,
        ("other", false) if reply.message().contains("nobody has approved it") => Answer::Right,
        (_, false) if !reply.message().contains("nobody has approved it") => Answer::None,
        _ => Answer::Wrong,
    })
}

fn ready(installed: &Installed) -> Vec<String> {
    installed.replicas().iter().filter_map(|replica| replica.observed("/readyz")).collect()
}

/// A counter or gauge of all replicas: the greatest, of any kind.
fn greatest(installed: &Installed, metric: &str) -> f64 {
    let texts = installed.replicas().iter().filter_map(|replica| replica.observed("/metrics"));
    let values: Vec<f64> = texts
        .flat_map(|text| {
            let of = text.lines().filter(|line| line.starts_with(metric)).filter_map(|line| line.rsplit_once(' '));
            of.filter_map(|(_, value)| value.trim().parse().ok()).collect::<Vec<f64>>()
        })
        .collect();
    values.into_iter().fold(0.0, f64::max)
}

/// What was seen while it was bad.
#[derive(Debug, Default)]
struct Seen {
    right: usize,
    undecided: usize,
    /// Of watches, and of what the controller tried.
    failures: f64,
    in_vain: f64,
    /// How long a kind was not confirmed, at most: seconds.
    age: f64,
    /// What `/readyz` said beside `ok`.
    doubts: BTreeSet<String>,
}

/// Makes changes for a time, and until `enough`, and looks at how the webhook answers.
fn under(installed: &Installed, changes: &Changes, enough: impl Fn(&Seen) -> bool) -> Result<Seen> {
    let (began, mut random) = (Instant::now(), Random::new(7));
    let mut seen = Seen::default();
    installed.until("the fault was seen", || {
        changes.change(&mut random)?;
        let failed = |error: Box<dyn std::error::Error>| netintent_tests::Error::Client { what: error.to_string() };
        for name in ["approved", "other"] {
            match probe(installed, name).map_err(failed)? {
                Answer::Right => seen.right += 1,
                Answer::None => seen.undecided += 1,
                Answer::Wrong => {
                    return Err(netintent_tests::Error::Client { what: format!("{name} was decided wrongly") });
                }
            }
        }
        for answer in ready(installed) {
            // What was known last is there to be asked for.
            if !answer.starts_with("HTTP/1.1 200") {
                return Err(netintent_tests::Error::Client { what: answer });
            }
            let said = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
            seen.doubts.extend(said.trim().strip_prefix("ok; ").map(str::to_owned));
        }
        seen.failures = greatest(installed, "netintent_watch_failures_total");
        seen.in_vain = greatest(installed, "netintent_controller_failures_total");
        seen.age = seen.age.max(greatest(installed, "netintent_cache_age_seconds"));
        thread::sleep(Duration::from_millis(random.below(RESTS)));
        Ok((began.elapsed() > SPAN && enough(&seen)).then_some(()))
    })?;
    Ok(seen)
}

/// Everything under one fault.
fn with(fault: Fault, limits: &Limits, enough: impl Fn(&Seen) -> bool) -> Result<Seen> {
    let installed = Installed::start_with(&Installation {
        replicas: 2,
        balanced: true,
        certificates: Certificates::Own,
        proxied: true,
        ..wanted()
    })?;
    let proxy = installed.proxy().ok_or("no proxy")?;
    let recorder = Recorder::start(installed.admin())?;
    let changes = Changes::new(installed.admin().clone(), SCOPE);
    namespaces(&installed, &changes.namespaces())?;
    namespaces(&installed, &PROBES)?;
    let [(shop, _), (bank, _)] = PROBES;
    create(installed.admin(), &service(bank, "ledger"))?;
    create(installed.admin(), &approval(bank, "probe", &[&format!("{shop}/approved")], &["ledger:rpc"]))?;
    changes.begin()?;
    let all: Vec<&str> = changes.namespaces().iter().chain(&PROBES).map(|(name, _)| *name).collect();
    installed.settles("at first", &all)?;
    for name in ["approved", "other"] {
        assert_eq!(probe(&installed, name)?, Answer::Right, "{name}");
    }

    let before = proxy.counts();
    proxy.set(fault);
    let seen = under(&installed, &changes, enough)?;
    proxy.set(Fault::None);
    let after = proxy.counts();
    assert!(after.1 > before.1, "nothing was done to anything: {after:?}");

    installed.settles(&format!("after {fault:?}"), &all)?;
    for name in ["approved", "other"] {
        assert_eq!(probe(&installed, name)?, Answer::Right, "{name} after {fault:?}");
    }
    installed.until("all is confirmed again", || {
        let ready = ready(&installed);
        Ok((ready.len() == 2 && ready.iter().all(|answer| answer.ends_with("\r\n\r\nok\n"))).then_some(()))
    })?;
    recorder.catch_up(&installed, SCOPE)?;
    let report = check(&recorder.end()?, SCOPE, &changes.own(), limits)?;
    let told: Vec<String> = report.violations.iter().take(5).map(ToString::to_string).collect();
    assert!(told.is_empty(), "{fault:?}:\n{}", told.join("\n"));
    assert!(report.gains > 0 && report.written > 0, "{}", report.figures());
    std::io::Write::write_fmt(
        &mut std::io::stderr(),
        format_args!(
            "{fault:?}: {} right, {} undecided, {} requests, of which {} were spoiled; {}\n",
            seen.right,
            seen.undecided,
            after.0 - before.0,
            after.1 - before.1,
            report.figures()
        ),
    )?;
    Ok(seen)
}

/// How late what is written may be, in seconds: what is heard of late, and the requests themselves.
fn limits(written: u64, deleted: u64) -> Limits {
    let [written, deleted] = [written, deleted].map(Duration::from_secs);
    Limits { written, deleted, amiss: Duration::from_mins(2) }
}

#[test]
fn a_slow_api_server_makes_it_slower_never_wrong() -> Result {
    let seen = with(Fault::Slow(Duration::from_secs(1)), &limits(10, 6), |_| true)?;
    assert!(seen.right > seen.undecided, "{seen:?}");
    Ok(())
}

#[test]
fn an_api_server_that_answers_with_errors_makes_it_slower_never_wrong() -> Result {
    let seen = with(Fault::Errors(30), &limits(30, 6), |seen| seen.failures > 0.0 && seen.in_vain > 0.0)?;
    assert!(seen.right > seen.undecided, "{seen:?}");
    Ok(())
}

#[test]
fn an_api_server_that_forgets_makes_it_slower_never_wrong() -> Result {
    let seen = with(Fault::Gone(Duration::from_secs(3)), &limits(15, 3), |seen| seen.failures > 5.0)?;
    // Each time all is listed anew, so that nothing is in doubt for long.
    assert_eq!(seen.undecided, 0, "{seen:?}");
    Ok(())
}

#[test]
fn an_api_server_whose_connections_are_cut_makes_it_slower_never_wrong() -> Result {
    let told = |seen: &Seen| seen.failures > 5.0 && !seen.doubts.is_empty();
    let seen = with(Fault::Cut(Duration::from_secs(2)), &limits(30, 6), told)?;
    assert!(seen.right > seen.undecided, "{seen:?}");
    assert!(seen.doubts.iter().any(|said| said.contains("not confirmed by the API server: ")), "{seen:?}");
    Ok(())
}

/// What was known last holds for a minute, and then nothing is gained on it.
#[test]
fn an_api_server_that_is_silent_makes_it_slower_never_wrong() -> Result {
    let told = |seen: &Seen| seen.doubts.iter().any(|said| said.contains("Namespace for ")) && seen.age > 60.0;
    let seen = with(Fault::Silent, &limits(75, 6), told)?;
    assert!(seen.right > 0 && seen.undecided > 0 && seen.failures > 0.0, "{seen:?}");
    Ok(())
}
