//! The figures, each beside its limit.

use std::io::Write as _;
use std::time::Duration;

use crate::client::Http;
use crate::process::Memory;
use crate::{Result, latency, throughput};

/// The least throughput, as a share of the yardstick's.
const LEAST: f64 = 1.0;
/// How much later than the yardstick's the 99th percentile may be.
const LATER: Duration = Duration::from_millis(1);

fn name(http: Http) -> &'static str {
    match http {
        Http::One => "HTTP/1.1",
        Http::Two => "HTTP/2",
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn print(line: &str) -> Result {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

fn verdict(within: bool) -> &'static str {
    if within { "" } else { "  EXCEEDED" }
}

/// Answers a second; whether there are enough.
pub(crate) fn throughput(http: Http, rounds: &[[throughput::Round; 2]]) -> Result<bool> {
    let ratio = median(rounds.iter().map(|[ours, admits]| ours.rate / admits.rate));
    let cpu_ratio = median(rounds.iter().map(|[ours, admits]| ours.cpu / admits.cpu));
    let of = |at: usize, figure: fn(&throughput::Round) -> f64| median(rounds.iter().map(|pair| figure(&pair[at])));
    let [ours, admits] = [0, 1].map(|at| (of(at, |round| round.rate), of(at, |round| round.cpu)));
    let within = ratio >= LEAST;
    print(&format!(
        "{}: {:.0} answers a second beside {:.0} of the yardstick: {ratio:.2} times as many, at least {LEAST}{}; \
         {:.0} µs on a processor for one beside {:.0} µs: {cpu_ratio:.2} times as long",
        name(http),
        ours.0,
        admits.0,
        verdict(within),
        ours.1,
        admits.1,
    ))?;
    Ok(within)
}

/// How late they are; whether that is early enough.
pub(crate) fn latency(http: Http, rounds: &[[latency::Round; 2]]) -> Result<bool> {
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
    let of = |at: usize, figure: fn(&latency::Round) -> Duration| {
        median(rounds.iter().map(|pair| milliseconds(figure(&pair[at]))))
    };
    let [ours, admits] = [0, 1].map(|at| (of(at, |round| round.p50), of(at, |round| round.p99)));
    let later = median(rounds.iter().map(|[ours, admits]| milliseconds(ours.p99) - milliseconds(admits.p99)));
    let within = later <= milliseconds(LATER);
    print(&format!(
        "{}, 1,000 a second: half within {:.2} ms beside {:.2} ms, 99 in 100 within {:.2} ms beside {:.2} ms: {later:+.2} ms, \
         at most {} ms{}",
        name(http),
        ours.0,
        admits.0,
        ours.1,
        admits.1,
        milliseconds(LATER),
        verdict(within),
    ))?;
    Ok(within)
}

/// Memory before the first question and after the last, and the most there was.
pub(crate) fn memory(names: [&str; 2], before: [Memory; 2], after: [Memory; 2]) -> Result {
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    for ((name, before), after) in names.into_iter().zip(before).zip(after) {
        print(&format!(
            "memory, {name}: {} MiB before the first question, {} MiB after the last, {} MiB at most",
            mib(before.now),
            mib(after.now),
            mib(after.peak)
        ))?;
    }
    Ok(())
}
