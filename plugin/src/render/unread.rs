//! What an answer lacks since not all could be read.

use netintent::callee::CalleePattern;
use netintent::caller::Caller;
use netintent::names::printable;
use netintent::snapshot::Snapshot;

use super::views::UnreadView;
use crate::printer::{self, NOTE, styled};

/// As fields of a list: what could not be read, and what is declared of it; nothing where all was read.
pub(crate) fn fields(
    snapshot: &Snapshot,
    undecided: &[(&Caller, &CalleePattern)],
) -> Vec<(&'static str, serde_json::Value)> {
    let unread = UnreadView::of(snapshot);
    let mut fields = Vec::new();
    if !unread.is_empty() {
        fields.push(("unread", serde_json::to_value(unread).unwrap_or_default()));
    }
    if !undecided.is_empty() {
        let item = |(caller, callee): &(&Caller, &CalleePattern)| serde_json::json!({"caller": caller.to_string(), "callee": callee.to_string()});
        fields.push(("undecided", undecided.iter().map(item).collect()));
    }
    fields
}

/// Says what is declared of callees that could not be read; of many the first ones.
pub(crate) fn report(undecided: &[(&Caller, &CalleePattern)]) {
    const MOST: usize = 5;
    let note = |text: &str| printer::note(&styled(NOTE, text));
    for (caller, callee) in undecided.iter().take(MOST) {
        let text = format!("{caller} declares {callee}, of which not all could be read: cannot tell where it leads.");
        note(&printable(&text));
    }
    if undecided.len() > MOST {
        note(&format!("So it is with {} more.", undecided.len() - MOST));
    }
}

/// Says that there is nothing, as far as one can see.
pub(crate) fn none(snapshot: &Snapshot, what: &str) {
    printer::note(&format!("{what}{}.", among(snapshot)));
}

/// What is said behind “nothing”, where not all could be read.
pub(crate) fn among(snapshot: &Snapshot) -> &'static str {
    let all = snapshot.objects.unread.iter().all(netintent::unread::Unread::is_not_installed);
    if all { "" } else { " among what could be read" }
}
