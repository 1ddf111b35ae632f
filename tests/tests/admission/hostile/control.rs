//! What the other tests are worth: each attempt would work if nobody prevented it.

use std::collections::BTreeSet;

use netintent_tests::Installed;
use serde_json::json;

use super::Hostile;
use super::pods::ways;
use crate::Result;

/// For members of `netintent:recover` neither derive nor the guard is asked: they gain what the others are denied, by
/// just the attempts that are marked so.
#[test]
fn every_attempt_works_for_whom_nobody_guards() -> Result {
    let hostile = Hostile::in_group(Installed::shared()?, "control", "enforce", "netintent:recover")?;
    let attempts = ways(&hostile, &json!({"app": "a", hostile.wanted(): "allowed"}));
    let gave = hostile.attempt(&attempts)?;
    let expected: BTreeSet<String> =
        attempts.iter().filter(|attempt| attempt.works).map(|attempt| attempt.name.clone()).collect();
    assert_eq!(gave, expected);
    assert!(expected.len() >= 30, "{expected:?}");
    Ok(())
}
