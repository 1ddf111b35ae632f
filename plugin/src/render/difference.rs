//! A connection that changes, as JSON and YAML have it.

use netintent::diff::{Change, Difference};
use netintent::list::Caveat;
use netintent::snapshot::Snapshot;
use serde::Serialize;

use super::views::{EndView, PortView, destination, ports, source};

/// An item of a `ConnectionDiff` or a `ModeChange`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DifferenceView<'a> {
    change: &'static str,
    source: EndView<'a>,
    destination: EndView<'a>,
    before: Vec<PortView>,
    after: Vec<PortView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    before_in_part: Vec<PortView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    after_in_part: Vec<PortView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    caveats: Vec<String>,
}

impl<'a> DifferenceView<'a> {
    pub(crate) fn new(before: &'a Snapshot, after: &'a Snapshot, d: &'a Difference<'_>) -> Self {
        let side = if d.change() == Change::Removed { before } else { after };
        Self {
            change: if is_known(d) { d.change().as_str() } else { "unknown" },
            source: source(side, &d.source),
            destination: destination(&d.destination),
            before: ports(&d.before.ports),
            after: ports(&d.after.ports),
            before_in_part: ports(&d.before.in_part),
            after_in_part: ports(&d.after.in_part),
            caveats: d.caveats.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Whether all was read that a change hangs on.
pub(crate) fn is_known(d: &Difference<'_>) -> bool {
    !d.caveats.iter().any(Caveat::is_fatal)
}

/// `+` for what comes, `-` for what goes, `~` for what changes, `?` where that can't be told, and the ends.
pub(crate) fn name(d: &Difference<'_>) -> String {
    let sign = match d.change() {
        _ if !is_known(d) => '?',
        Change::Added => '+',
        Change::Removed => '-',
        Change::Changed => '~',
    };
    format!("{sign} {} -> {}", super::ends::full(&d.source), super::ends::full(&d.destination))
}
