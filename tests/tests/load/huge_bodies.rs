//! Many questions at once, each as large as is read at all, and such that as much as possible would have to be kept of it.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use netintent_tests::{Webhook, runtime};
use serde_json::Value;
use tokio_rustls::TlsConnector;

use crate::Result;
use crate::stand::{SPAN, Stand, shared, since, turn};
use netintent_tests::raw::{ask, trusting};

/// How many bytes a body may have at most.
const MAX_BODY: usize = 40 << 20;
/// How many clients send such bodies at once, to one replica.
const CLIENTS: usize = 6;
const PATHS: [&str; 4] = ["/derive", "/guard", "/workloads", "/approvals"];

/// What was answered to them, by status.
#[derive(Debug, Default)]
struct Answers {
    /// Read and decided.
    decided: AtomicU64,
    /// Not decided: it could not be read, or there was no room.
    refused: AtomicU64,
}

#[test]
fn many_huge_bodies_stay_within_the_memory_limit() -> Result {
    let _turn = turn();
    let installed = shared()?;
    let limit = memory_limit()?;
    let bodies: Arc<Vec<String>> = Arc::new(bodies());
    let stand = Stand::new(installed, "huge")?;
    let before = stand.admissions()?;
    let began = std::time::Instant::now();
    let (tally, answers) = stand.load(|_| {
        let answers = Arc::new(Answers::default());
        let tls = trusting(installed)?;
        let running = || installed.replicas().iter().filter(|replica| replica.runs());
        let clients = running().flat_map(|replica| {
            let one = |number| {
                client(tls.clone(), replica.ports().0, number, Arc::clone(&bodies), Arc::clone(&answers), began)
            };
            (0..CLIENTS).map(one).collect::<Vec<_>>()
        });
        let clients: Vec<_> = clients
            .map(|client| runtime().map(|runtime| runtime.spawn(client)))
            .collect::<std::result::Result<_, _>>()?;
        for client in clients {
            runtime()?.block_on(client)??;
        }
        Ok(answers)
    })?;
    let peaks: Vec<u64> = installed
        .replicas()
        .iter()
        .filter(|r| r.runs())
        .map(Webhook::peak_memory)
        .collect::<std::result::Result<_, _>>()?;
    writeln!(std::io::stderr(), "load huge: at most {} MiB, {answers:?}", peaks.iter().max().unwrap_or(&0) >> 20)?;
    tally.assert_right();
    assert!(peaks.iter().all(|peak| *peak < limit), "{peaks:?} of {limit} bytes");
    // What the API server asked was decided as ever. What these clients asked is counted beside it, each once.
    let counted = since(&before, &stand.admissions()?);
    let implied = tally.implied(|_| true);
    let sum = |of: &netintent_tests::Admissions| of.values().sum::<u64>();
    let asked = answers.decided.load(Ordering::Relaxed) + answers.refused.load(Ordering::Relaxed);
    assert!(asked >= 40 && sum(&counted) == sum(&implied) + asked, "{counted:?}, {implied:?}, {answers:?}");
    let undecided: u64 = counted.iter().filter(|((_, outcome), _)| outcome == "error").map(|(_, count)| count).sum();
    assert_eq!(undecided, answers.refused.load(Ordering::Relaxed));
    stand.clean()
}

/// The limit of the Deployment that users apply.
fn memory_limit() -> Result<u64> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/base/deployment.yaml");
    let text = fs::read_to_string(path)?;
    let (_, limits) = text.split_once("limits:").ok_or("no limits")?;
    let (_, memory) = limits.split_once("memory:").ok_or("no limit of memory")?;
    let mib = memory.trim_start().split_once("Mi").ok_or("the limit is not in Mi")?.0;
    Ok(mib.parse::<u64>()? << 20)
}

async fn client(
    tls: TlsConnector,
    port: u16,
    number: usize,
    bodies: Arc<Vec<String>>,
    answers: Arc<Answers>,
    began: std::time::Instant,
) -> std::result::Result<(), String> {
    for turn in number.. {
        if began.elapsed() >= SPAN {
            break;
        }
        let (path, body) = (PATHS[turn % PATHS.len()], &bodies[turn / PATHS.len() % bodies.len()]);
        let (status, answer) =
            ask(&tls, port, path, body.as_bytes()).await.map_err(|error| format!("{path}: {error}"))?;
        match status {
            200 => {
                let review: Value = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
                if review["response"]["uid"] != "u" {
                    return Err(format!("{path}: {review}"));
                }
                answers.decided.fetch_add(1, Ordering::Relaxed);
            }
            400 | 503 => drop(answers.refused.fetch_add(1, Ordering::Relaxed)),
            other => return Err(format!("{path}: {other} {}", String::from_utf8_lossy(&answer))),
        }
    }
    Ok(())
}

/// Reviews as large as may be.
fn bodies() -> Vec<String> {
    let start = |operation: &str, kind: &str| {
        format!(
            "{{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{{\"uid\":\"u\",\
             \"operation\":\"{operation}\",\"namespace\":\"default\",\"name\":\"a\",\"kind\":{{\"kind\":\"{kind}\"}},\
             \"userInfo\":{{\"username\":\"me\"}},\"oldObject\":null,\"object\":"
        )
    };
    let filled = |kind: &str, before: &str, unit: &dyn Fn(usize) -> String, after: &str| {
        let mut text = start("CREATE", kind) + before;
        let end = after.len() + 8;
        for number in 0.. {
            let unit = unit(number);
            if text.len() + unit.len() + end > MAX_BODY {
                break;
            }
            text += &unit;
        }
        let _ = write!(text, "{after}}}}}");
        text
    };
    let meta = "{\"metadata\":{\"name\":\"a\"";
    let deep = MAX_BODY / 2 - 1024;
    let mut nested = start("CREATE", "Pod") + meta + "},\"spec\":{\"junk\":";
    nested += &"[".repeat(deep);
    nested += &"]".repeat(deep);
    nested += "}}}}";
    vec![
        // Millions of numbers, where nobody needs them and where a map is expected.
        filled("Pod", &format!("{meta}}},\"spec\":{{\"junk\":[0"), &|_| ",0".into(), "]}}"),
        filled(
            "Deployment",
            &format!("{meta}}},\"spec\":{{\"selector\":{{\"matchLabels\":[0"),
            &|_| ",0".into(),
            "]}}}",
        ),
        filled(
            "Deployment",
            &format!("{meta}}},\"spec\":{{\"selector\":{{\"matchLabels\":{{\"a\":\"\""),
            &|n| format!(",\"{n}\":\"\""),
            "}}}}",
        ),
        // Millions of what is kept: reserved labels, owners, annotations of ours.
        filled(
            "Pod",
            &format!("{meta},\"labels\":{{\"a\":\"\""),
            &|n| format!(",\"to.netintent.dev/{n}\":\"\""),
            "}}}",
        ),
        filled("Pod", &format!("{meta},\"ownerReferences\":[{{}}"), &|_| ",{}".into(), "]}}"),
        filled(
            "Pod",
            &format!("{meta},\"annotations\":{{\"a\":\"\""),
            &|n| format!(",\"netintent.dev/{n}\":\"\""),
            "}}}",
        ),
        // A string of escapes, which cannot be borrowed; and one that is read for intents.
        filled("Pod", &format!("{meta},\"annotations\":{{\"netintent.dev/caller\":\""), &|_| "\\u003c".into(), "\"}}}"),
        filled("Pod", &format!("{meta},\"annotations\":{{\"netintent.dev/calls\":\""), &|_| "a/b:c,".into(), "\"}}}"),
        filled(
            "Approval",
            &format!("{meta}}},\"spec\":{{\"callees\":[\"a\"],\"callers\":[\"a/b\""),
            &|n| format!(",\"a/{n}\""),
            "]}}",
        ),
        nested,
    ]
}
