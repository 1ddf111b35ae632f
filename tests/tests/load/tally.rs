//! The client's side of the count.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use netintent_tests::Admissions;

use crate::answer::{Answer, Verdict};
use crate::mix::{Mix, RECIPES, implied};

/// How many answers that are not right are shown.
const SHOWN: usize = 10;

/// All answers of one load.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) answers: Vec<Answer>,
}

impl Tally {
    /// What the webhook must have been asked for these creations.
    pub(crate) fn implied(&self, of: impl Fn(&Answer) -> bool) -> Admissions {
        let mut counts = [0; RECIPES.len()];
        for answer in self.answers.iter().filter(|answer| of(answer)) {
            counts[answer.recipe] += 1;
        }
        implied(&counts)
    }

    /// Those that are not right.
    pub(crate) fn wrong(&self) -> Vec<&Answer> {
        self.answers.iter().filter(|answer| !answer.is_right()).collect()
    }

    /// Fails where one is not right.
    pub(crate) fn assert_right(&self) {
        let wrong = self.wrong();
        assert!(wrong.is_empty(), "{}", shown(&wrong, self.answers.len()));
    }

    /// The longest that it took to answer a share of the creations, in percent, from when each was due.
    fn percentile(&self, share: usize) -> Duration {
        let mut all: Vec<Duration> = self.answers.iter().map(|answer| answer.took).collect();
        all.sort_unstable();
        let at = (all.len() * share).div_ceil(100).saturating_sub(1);
        all.get(at).copied().unwrap_or_default()
    }

    /// What was measured, in a line.
    pub(crate) fn figures(&self) -> String {
        let mut text = format!("{} creations", self.answers.len());
        for share in [50, 90, 99, 100] {
            // Writing to a string does not fail.
            let _ = write!(text, ", {share} % within {:.1} ms", self.percentile(share).as_secs_f64() * 1000.0);
        }
        text
    }
}

/// Answers that are not right, for a test that fails.
pub(crate) fn shown(answers: &[&Answer], of: usize) -> String {
    let mut text = format!("{} of {of} creations are not answered as they should be:", answers.len());
    let mut kinds: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for answer in answers {
        let verdict = match answer.verdict {
            Verdict::Right => "right",
            Verdict::Wrong(_) => "wrong",
            Verdict::Undecided(_) => "undecided",
            Verdict::Lost(_) => "lost",
        };
        *kinds.entry((RECIPES[answer.recipe].what, verdict)).or_default() += 1;
    }
    let _ = write!(text, " {kinds:?}");
    for answer in answers.iter().take(SHOWN) {
        let Answer { due, took, verdict, .. } = answer;
        let _ = write!(text, "\n{} due {due:?} took {took:?}: {verdict:?}", answer.pod());
    }
    text
}

/// Whether what is stored is what the answers say: each pod that was created, with its labels, and no other. Of those that
/// were not answered nobody can say whether they are there, but as they should be they must be.
pub(crate) fn stored(mix: &Mix, tally: &Tally, mut pods: BTreeMap<String, std::collections::BTreeSet<String>>) {
    for answer in &tally.answers {
        if matches!(answer.verdict, Verdict::Wrong(_)) {
            // Found out already: what is stored is as wrong.
            pods.remove(&answer.pod());
            continue;
        }
        let (name, pod) = (answer.pod(), pods.remove(&answer.pod()));
        let may = !matches!(RECIPES[answer.recipe].expected, crate::mix::Expected::Denied(..));
        match pod {
            Some(labels) => {
                assert!(may, "{name} is stored: {answer:?}");
                assert_eq!(&labels, mix.labels(answer.recipe), "{name}: {answer:?}");
            }
            None => assert!(!answer.is_created(), "{name} is not stored: {answer:?}"),
        }
    }
    assert!(pods.is_empty(), "nobody created {pods:?}");
}
