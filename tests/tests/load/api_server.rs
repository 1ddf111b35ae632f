//! The API server crashes and comes back.

use std::time::{Duration, Instant};

use crate::Result;
use crate::answer::{Answer, Verdict};
use crate::stand::{Stand, shared, since, turn};

#[test]
fn a_restart_of_the_api_server_loses_only_what_it_did_not_answer() -> Result {
    let _turn = turn();
    let installed = shared()?;
    let stand = Stand::new(installed, "api-server")?;
    let before = stand.admissions()?;
    let began = Instant::now();
    let (tally, (from, to)) = stand.load(|progress| {
        installed.until("pods are created", || Ok((progress.answered() >= 500).then_some(())))?;
        let from = began.elapsed();
        installed.plane().restart_api_server()?;
        Ok((from, began.elapsed()))
    })?;
    // While it is away, and no longer: what was due once it is ready again is as before.
    let away = |answer: &Answer| answer.due + answer.took >= from && answer.due <= to;
    let wrong = tally.wrong();
    let (lost, others): (Vec<&Answer>, Vec<&Answer>) = wrong.into_iter().partition(|answer| away(answer));
    assert!(others.is_empty(), "away from {from:?} to {to:?}; {}", crate::tally::shown(&others, tally.answers.len()));
    // What was decided while it came back was decided rightly: there was an answer or there was none.
    let decided: Vec<&Answer> = lost.iter().copied().filter(|a| matches!(a.verdict, Verdict::Wrong(_))).collect();
    assert!(decided.is_empty(), "{}", crate::tally::shown(&decided, tally.answers.len()));
    assert!(!lost.is_empty() && to.saturating_sub(from) < Duration::from_mins(1), "away from {from:?} to {to:?}");
    // What it asked and could not tell anybody is counted as well, so that there are bounds. The webhook itself fails to
    // decide where it must read from an API server that is away.
    let counted = since(&before, &stand.admissions()?);
    let (least, most) = (tally.implied(Answer::is_right), tally.implied(|_| true));
    let undecided: u64 = counted.iter().filter(|((_, outcome), _)| outcome == "error").map(|(_, count)| count).sum();
    assert!(undecided <= lost.len() as u64, "{counted:?}");
    for (key, count) in counted.iter().filter(|((_, outcome), _)| outcome != "error") {
        let bound = |of: &netintent_tests::Admissions| of.get(key).copied().unwrap_or_default();
        assert!((bound(&least)..=bound(&most)).contains(count), "{key:?}: {counted:?} between {least:?} and {most:?}");
    }
    stand.clean()
}
