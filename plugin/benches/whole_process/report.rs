//! The figures as a table, each beside its limit.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;

use super::cases::Case;
use super::clusters::{Clusters, bytes};
use super::rounds::Measured;

const MIB: u64 = 1 << 20;

/// A line of the table.
pub(crate) struct Row {
    cells: [String; 8],
    within: bool,
}

impl Row {
    /// What was measured of a case.
    pub(crate) fn new(case: &Case, measured: &Measured) -> Self {
        let slow = case.most.is_some_and(|most| measured.ratio > most);
        let large = case.most_memory.is_some_and(|most| measured.peak > most);
        let limits: Vec<String> = (case.most.map(|most| format!("{most} times")).into_iter())
            .chain(case.most_memory.map(|most| format!("{} MiB", most / MIB)))
            .collect();
        let verdict = if slow || large { "  EXCEEDED" } else { "" };
        let cells = [
            case.name.clone(),
            format!("{:.3} s", measured.time.as_secs_f64()),
            format!("{:.3} s ({})", measured.yardstick.as_secs_f64(), case.compared_with),
            format!("{:.2}", measured.ratio),
            format!("{:.2}", measured.cpu_ratio),
            format!("{} MiB", measured.peak.div_ceil(MIB)),
            format!("{:.1} MiB", tenths(measured.output)),
            format!("{}{verdict}", if limits.is_empty() { "-".to_owned() } else { limits.join(", ") }),
        ];
        Self { cells, within: !slow && !large }
    }

    /// Whether it is within its limits.
    pub(crate) fn is_within(&self) -> bool {
        self.within
    }
}

/// Mebibytes to one place behind the point; exact for sizes that any file has.
fn tenths(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes * 10 / MIB).unwrap_or(u32::MAX)) / 10.0
}

/// Prints the table.
pub(crate) fn print(clusters: &Clusters, rows: &[Row]) -> Result<(), Box<dyn Error>> {
    let headers =
        ["COMMAND", "MEDIAN", "COMPARED WITH", "RATIO", "CPU RATIO", "PEAK", "OUTPUT", "LIMIT"].map(str::to_owned);
    let lines: Vec<&[String; 8]> = std::iter::once(&headers).chain(rows.iter().map(|row| &row.cells)).collect();
    let mut widths = [0; 8];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(*line) {
            *width = (*width).max(cell.len());
        }
    }
    let mut text = format!("1,500 services, 9,300 intents: {:.1} MiB of YAML", tenths(bytes(&clusters.enforced)?));
    if let Some(large) = &clusters.large {
        write!(text, "; ten times the size: {:.1} MiB", tenths(bytes(large)?))?;
    }
    text.push_str("\n\n");
    for line in lines {
        let cells: Vec<String> = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(text, "{}", cells.join("  ").trim_end())?;
    }
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
