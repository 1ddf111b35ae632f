//! The count can fail: where the only replica is killed, it tells what was lost.

use std::time::Duration;

use crate::Result;
use crate::answer::Verdict;
use crate::mix::RECIPES;
use crate::stand::{Stand, shared, since, turn};

/// Recipes that come to the same without a webhook: nobody asks it, or it has nothing to say.
const SAME: [&str; 2] = ["away", "plain"];

#[test]
fn a_crash_of_the_only_replica_is_noticed() -> Result {
    let _turn = turn();
    let installed = shared()?;
    let stand = Stand::new(installed, "killed")?;
    let [only, other, ..] = installed.replicas() else { return Err("too few replicas".into()) };
    other.kill();
    installed.wait_until_ready()?;
    // The API server may have been connected to the other one; the first question finds the one that is left.
    let before = only.admissions()?;
    let (tally, last) = stand.load_for(Duration::from_secs(6), |progress| {
        installed.until("pods are created", || Ok((progress.answered() >= 100).then_some(())))?;
        let last = only.admissions()?;
        only.kill();
        Ok(last)
    })?;
    let wrong = tally.wrong();
    let lost = |what: &str| wrong.iter().any(|answer| RECIPES[answer.recipe].what == what);
    // What waits for its answer is refused, and what does not goes without its labels: both are noticed.
    for recipe in &RECIPES {
        assert_eq!(lost(recipe.what), !SAME.contains(&recipe.what), "{}: {}", recipe.what, tally.figures());
    }
    let undecided = wrong.iter().filter(|answer| matches!(answer.verdict, Verdict::Undecided(_))).count();
    let decided = wrong.iter().filter(|answer| matches!(answer.verdict, Verdict::Wrong(_))).count();
    assert!(undecided > 0 && decided > 0 && undecided + decided == wrong.len(), "{undecided} and {decided}");
    // And so does the other side: it counts less than these creations imply.
    assert_ne!(since(&before, &last), tally.implied(|_| true));
    // Both are started again.
    shared()?;
    stand.clean()
}
