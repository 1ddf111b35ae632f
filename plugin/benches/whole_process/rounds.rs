//! Runs of a command and of what it is compared with, in turns.

use std::error::Error;
use std::time::{Duration, Instant};

use super::cases::Case;

/// How many pairs of runs there are unless told otherwise; fewer where they take long.
pub(crate) const DEFAULT: usize = 21;
/// After this long, and at least [`LEAST`] pairs, there are no more.
const ENOUGH: Duration = Duration::from_secs(12);
const LEAST: usize = 3;

/// What came of them.
pub(crate) struct Measured {
    /// The median time of the command.
    pub(crate) time: Duration,
    /// The median time of what it is compared with.
    pub(crate) yardstick: Duration,
    /// The median of each pair's ratio.
    pub(crate) ratio: f64,
    /// The same of the time on processors, which says less of what a user waits for, but hardly hangs on what else runs.
    pub(crate) cpu_ratio: f64,
    /// The most memory of any run of the command, in bytes.
    pub(crate) peak: u64,
    /// The size of its output, in bytes.
    pub(crate) output: u64,
}

/// Measures one case.
pub(crate) fn measure(case: &Case, rounds: usize) -> Result<Measured, Box<dyn Error>> {
    // A first run of either brings the files into memory, and the program.
    case.yardstick.run()?;
    let output = case.command.output_size()?;
    let start = Instant::now();
    let (mut times, mut yardsticks, mut peak) = (Vec::new(), Vec::new(), 0);
    let (mut ratios, mut cpu_ratios) = (Vec::new(), Vec::new());
    while times.len() < rounds.max(1) && (times.len() < LEAST || start.elapsed() < ENOUGH) {
        let yardstick = case.yardstick.run()?;
        let command = case.command.run()?;
        ratios.push(command.time.as_secs_f64() / yardstick.time.as_secs_f64());
        cpu_ratios.push(command.cpu.as_secs_f64() / yardstick.cpu.as_secs_f64());
        times.push(command.time);
        yardsticks.push(yardstick.time);
        peak = peak.max(command.peak);
    }
    ratios.sort_by(f64::total_cmp);
    cpu_ratios.sort_by(f64::total_cmp);
    times.sort();
    yardsticks.sort();
    let middle = times.len() / 2;
    Ok(Measured {
        time: times[middle],
        yardstick: yardsticks[middle],
        ratio: ratios[middle],
        cpu_ratio: cpu_ratios[middle],
        peak,
        output,
    })
}
