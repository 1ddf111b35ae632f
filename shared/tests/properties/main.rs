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
mod editing;
mod explanation;
mod fixes;
mod generate;
mod listing;
mod model;
mod monotony;
mod names;
mod reference;
mod regressions;
mod rendering;
mod samples;
mod statistics;
mod text;

use std::cell::RefCell;
use std::fmt::Debug;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestRng, TestRunner};

use statistics::Statistics;

/// The configuration of every property: 256 cases or as many as `PROPTEST_CASES` says. Small counter-examples are worth
/// some patience.
fn config() -> Config {
    Config { max_shrink_iters: 4_000, ..Config::default() }
}

/// Tries a property on the same cases every time, so that what they are can be counted and be insisted upon.
fn counted<T: Debug>(strategy: &impl Strategy<Value = T>, check: impl Fn(&T, &mut Statistics)) -> Statistics {
    let config = Config { failure_persistence: None, ..config() };
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let statistics = RefCell::new(Statistics::default());
    let tried = TestRunner::new_with_rng(config, rng).run(strategy, |value| {
        check(&value, &mut statistics.borrow_mut());
        Ok(())
    });
    if let Err(error) = tried {
        panic!("{error}");
    }
    statistics.into_inner()
}
