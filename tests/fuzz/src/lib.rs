//! What must hold of every input: a function for each fuzz target, that panics where it does not hold.
//!
//! libFuzzer calls them with what it makes up (`fuzz_targets/`), and `tests/corpus.rs` with what it found worth keeping
//! (`corpus/`).

pub mod command_line;
pub mod git;
pub mod intents;
pub mod ip_blocks;
pub mod manifests;
pub mod policies;
pub mod selectors;

use netintent::manifest::{Decoded, decode, text};
use netintent::names::printable;

/// Panics where something does not hold of an input.
pub type Check = fn(&[u8]);

/// Every target by the name of its corpus.
pub const TARGETS: [(&str, Check); 7] = [
    ("command_line", command_line::check),
    ("git", git::check),
    ("intents", intents::check),
    ("ip_blocks", ip_blocks::check),
    ("manifests", manifests::check),
    ("policies", policies::check),
    ("selectors", selectors::check),
];

/// Reads manifests that are good or not, as the plugin would; `None` if anything in them is refused.
fn read(manifests: &str) -> Option<Vec<Decoded>> {
    let documents = text::documents(manifests.as_bytes()).ok()?;
    documents
        .iter()
        .filter_map(|document| text::parse(document).transpose())
        .map(|node| decode(&node.ok()?, 0, "shop").ok())
        .collect()
}

/// That a message steers no terminal.
fn is_tame(message: &str) {
    assert_eq!(printable(message), message, "a message has control characters");
}
