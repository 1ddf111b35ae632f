//! Properties of the core that must hold for every cluster, tried on generated ones.
//!
//! [`generate`] makes clusters, [`reference`] is a second evaluator written from the specification of `NetworkPolicy`,
//! [`model`] a second reading of the design's rules on intents, approvals and modes. Neither uses the library's own
//! evaluation, set algebra or selectors: only its plain data.

// A test that cannot unwrap has failed; clippy takes only functions marked `#[test]` for tests.
#![allow(clippy::unwrap_used, clippy::panic)]

mod agreement;
mod design;
mod difference;
mod explanation;
mod fixes;
mod generate;
mod listing;
mod model;
mod monotony;
mod names;
mod reference;
mod regressions;
mod samples;
mod statistics;
mod text;

use proptest::test_runner::Config;

/// The configuration of every property: 256 cases or as many as `PROPTEST_CASES` says. Small counter-examples are worth
/// some patience.
fn config() -> Config {
    Config { max_shrink_iters: 4_000, ..Config::default() }
}
