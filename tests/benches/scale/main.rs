//! A cluster of 1,500 Services, 9,300 approved intents and 4,500 pods, created on a real API server with netintent and without;
//! then what the plugin takes to answer from it beside `kubectl get`, and, with 5,000 pods, what one approval takes.
//!
//! ```text
//! cargo build --release -p netintent-webhook -p kubectl-netintent && cargo bench -p netintent-tests --bench scale
//! cargo bench -p netintent-tests --bench scale -- --services 150 --rounds 1   # to try it
//! ```
//!
//! Rounds alternate, each on a control plane of its own. The client makes pods as controllers do, with their owners' names, and
//! is the only one: a controller manager has a pace of its own, and would hide what one creation takes. Everything runs on this
//! machine, both replicas of the webhook and the client included.

mod approvals;
mod creation;
mod objects;
mod reading;
mod report;
mod round;

use std::error::Error;

type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How many Services there are unless told otherwise.
const SERVICES: usize = 1_500;
/// How many pairs of rounds.
const ROUNDS: usize = 2;

fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, default: usize| -> Result<usize> {
        let after = arguments.iter().position(|argument| argument == name).map(|at| arguments.get(at + 1));
        after.map_or(Ok(default), |text| Ok(text.ok_or_else(|| format!("{name}: a number was expected"))?.parse()?))
    };
    let (services, rounds) = (number("--services", SERVICES)?, number("--rounds", ROUNDS)?.max(1));
    let cluster = objects::Cluster::of(services)?;
    report::cluster(&cluster);
    let (mut without, mut with, mut last) = (Vec::new(), Vec::new(), None);
    for _ in 0..rounds {
        without.push(round::without(&cluster)?);
        // The one before ends first.
        drop(last.take());
        let (round, installed) = round::with(&cluster)?;
        with.push(round);
        last = Some(installed);
    }
    report::rounds(&without, &with)?;
    let installed = last.ok_or("no round")?;
    reading::measure(&installed)?;
    approvals::measure(&installed, services * 10 / 3)
}
