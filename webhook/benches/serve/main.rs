//! How many questions the webhook answers, how late, and in how much memory, beside the same server that admits without
//! looking.
//!
//! ```text
//! cargo bench -p netintent-webhook --bench serve                # about three minutes
//! cargo bench -p netintent-webhook --bench serve -- --rounds 9  # fewer rounds
//! ```
//!
//! Both servers are processes of their own, of one thread each, behind the webhook's own TLS and HTTP; they differ in the
//! router alone (see [`servers`]). The client is this process, of one thread as well, so that two processors suffice. It
//! sends what a real API server sent (`review.json`, recorded of version 1.36 when `recorded.yaml` was applied) over
//! connections that it keeps.
//!
//! Rounds alternate between the two, and what counts is the median of the pairs: a machine that is busy for a while slows
//! both. The time on processors is the server's own, which hangs least on what else the machine does.

mod client;
mod latency;
mod objects;
mod process;
mod report;
mod servers;
mod throughput;

use std::error::Error;
use std::fs;
use std::process::ExitCode;

use client::{Http, Target};
use process::Server;
use servers::Kind;

type Result<T = (), E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// The program's own: a difference between allocators is no difference between servers.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many pairs of rounds there are unless told otherwise; of those at a fixed rate, which are ten times as long, fewer.
const ROUNDS: usize = 11;
/// How many labels the recorded pod must get, since all its intents are approved.
const GRANTED: usize = 20;

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // The benchmark is its own helper.
        [servers::COMMAND, kind, folder] => servers::run(Kind::parse(kind)?, folder.as_ref())?,
        [objects::COMMAND, folder] => objects::write(folder.as_ref())?,
        ref others => return benchmark(others),
    }
    Ok(ExitCode::SUCCESS)
}

/// Succeeds if every figure is within its limit.
fn benchmark(arguments: &[&str]) -> Result<ExitCode> {
    let after = arguments.iter().position(|argument| *argument == "--rounds").map(|at| at + 1);
    let rounds = match after.map(|at| arguments.get(at)) {
        None => ROUNDS,
        Some(count) => count.ok_or("--rounds: a number was expected")?.parse()?,
    };
    let folder = tempfile::tempdir()?;
    let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    fs::write(folder.path().join("tls.crt"), identity.cert.pem())?;
    fs::write(folder.path().join("tls.key"), identity.signing_key.serialize_pem())?;
    process::run(&[objects::COMMAND.as_ref(), folder.path().as_os_str()])?;

    let [ours, admits] = [Kind::Netintent, Kind::Admits].map(|kind| Server::start(kind, folder.path()));
    let (ours, admits) = (ours?, admits?);
    let idle = [ours.memory()?, admits.memory()?];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let targets = [&ours, &admits].map(|server| Target::new(server.port(), identity.cert.der()));
        let [ours_at, admits_at] = targets;
        let pair = [(&ours, &ours_at?), (&admits, &admits_at?)];
        for http in [Http::One, Http::Two] {
            check(&client::ask(pair[0].1, http).await?, GRANTED)?;
            check(&client::ask(pair[1].1, http).await?, 0)?;
        }
        let mut within = true;
        for http in [Http::Two, Http::One] {
            within &= report::throughput(http, &throughput::measure(pair, http, rounds).await?)?;
            within &= report::latency(http, &latency::measure(pair, http, rounds.div_ceil(6)).await?)?;
        }
        report::memory(["loaded", "admits"], idle, [ours.memory()?, admits.memory()?])?;
        Ok(if within { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// What is measured must be the answer that it should be.
fn check(answer: &[u8], labels: usize) -> Result {
    let review: serde_json::Value = serde_json::from_slice(answer)?;
    let response = &review["response"];
    let patch = match response["patch"].as_str() {
        Some(patch) => servers::decode(patch)?,
        None => serde_json::json!([]),
    };
    let added = patch.as_array().into_iter().flatten().filter(|operation| {
        let path = operation["path"].as_str().unwrap_or_default();
        operation["op"] == "add" && path.starts_with("/metadata/labels/") && operation["value"] == "allowed"
    });
    let added = added.count();
    if response["allowed"] == true && added == labels {
        return Ok(());
    }
    Err(format!("{labels} labels were to be granted, and {added} were: {review:#}").into())
}
