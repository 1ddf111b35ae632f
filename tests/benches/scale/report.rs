//! The figures, as text.

use std::fmt::Write as _;
use std::time::Duration;

use crate::Result;
use crate::creation::{Times, percentile};
use crate::objects::Cluster;
use crate::round::{Netintent, Round};

/// Prints a line.
#[expect(clippy::print_stdout, reason = "figures are what it is for")]
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// What is created.
pub(crate) fn cluster(cluster: &Cluster) {
    let labels: usize = cluster.pods.iter().map(|pod| pod.labels.len()).sum();
    line(&format!(
        "{} Services, {} approved intents, {} approvals and prohibitions, {} pods with {labels} labels, {} policies",
        cluster.services.len(),
        cluster.granted,
        cluster.statements.len(),
        cluster.pods.len(),
        cluster.policies.len(),
    ));
}

/// All rounds: the median, and in brackets each round's.
pub(crate) fn rounds(without: &[Round], with: &[Round]) -> Result {
    type Figure = fn(&(&'static str, Times, Duration)) -> f64;
    let figures: [(&str, Figure); 4] = [
        ("s in all", |(_, times, _)| times.whole.as_secs_f64()),
        ("ms, half of them", |(_, times, _)| times.percentile(50).as_secs_f64() * 1e3),
        ("ms, 99 % of them", |(_, times, _)| times.percentile(99).as_secs_f64() * 1e3),
        ("ms of the API server and etcd on processors for one", |(_, times, server)| {
            server.as_secs_f64() * 1e3 / f64::from(u32::try_from(times.count()).unwrap_or(u32::MAX))
        }),
    ];
    for (what, times, _) in with.first().into_iter().flat_map(|round| &round.phases) {
        let mut text = format!("{what}: {}", times.count());
        for (unit, figure) in figures {
            let of = |rounds: &[Round]| -> Vec<f64> {
                let phases = rounds.iter().filter_map(|round| round.phases.iter().find(|(name, ..)| name == what));
                phases.map(figure).collect()
            };
            write!(text, "\n  {unit}: {}", beside(&of(with), &of(without)))?;
        }
        line(&text);
    }
    for netintent in with.iter().filter_map(|round| round.netintent.as_ref()) {
        line(&of_netintent(netintent));
    }
    Ok(())
}

fn of_netintent(netintent: &Netintent) -> String {
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let Netintent { policies, memory, processors, calls, questions, labels } = netintent;
    format!(
        "netintent: all policies {:.1} s after the first Service; memory {} MiB (leads), {} MiB (does not); on processors \
         {:.1} s, {:.1} s; {labels} labels by admission\n  calls of the API server: {calls:?}\n  questions of it while pods were \
         created: {questions:?}",
        policies.as_secs_f64(),
        mib(memory[0]),
        mib(memory[1]),
        processors[0].as_secs_f64(),
        processors[1].as_secs_f64(),
    )
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let at = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        even if even.is_multiple_of(2) => f64::midpoint(values[at - 1], values[at]),
        _ => values[at],
    }
}

/// With, without, and how many times as much: the median of the pairs.
fn beside(with: &[f64], without: &[f64]) -> String {
    let all = |values: &[f64]| values.iter().map(|value| format!("{value:.1}")).collect::<Vec<_>>().join(", ");
    if without.is_empty() {
        return format!("{:.1} ({})", median(with), all(with));
    }
    let ratios: Vec<f64> = with.iter().zip(without).map(|(with, without)| with / without).collect();
    format!(
        "{:.1} with netintent ({}), {:.1} without ({}): {:.2} times ({})",
        median(with),
        all(with),
        median(without),
        all(without),
        median(&ratios),
        ratios.iter().map(|ratio| format!("{ratio:.2}")).collect::<Vec<_>>().join(", "),
    )
}

/// Half of these times, and the most, with what they are of.
pub(crate) fn times(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let ms = |share| percentile(&times, share).as_secs_f64() * 1e3;
    line(&format!(
        "{what}: {} times; half within {:.1} ms, 90 % {:.1} ms, most {:.1} ms",
        times.len(),
        ms(50),
        ms(90),
        ms(100)
    ));
}
