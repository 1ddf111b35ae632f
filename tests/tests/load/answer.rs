//! What a client was answered, and whether it is what it should have been.

use std::time::Duration;

use netintent_tests::{Error, Reply};

use crate::mix::{Expected, Mix, RECIPES, reserved};

/// What became of one creation.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The pod's recipe and number.
    pub(crate) recipe: usize,
    pub(crate) number: usize,
    /// When it was due, since the load began.
    pub(crate) due: Duration,
    /// How long after that it was answered.
    pub(crate) took: Duration,
    pub(crate) verdict: Verdict,
}

/// How an answer is to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As it should be.
    Right,
    /// Decided, and wrongly.
    Wrong(String),
    /// Nobody decided: the API server says that it could not.
    Undecided(String),
    /// The API server did not answer.
    Lost(String),
}

impl Answer {
    /// The name of its pod.
    pub(crate) fn pod(&self) -> String {
        format!("{}-{}", RECIPES[self.recipe].what, self.number)
    }

    pub(crate) fn is_right(&self) -> bool {
        self.verdict == Verdict::Right
    }

    /// Whether a pod of it must be there now.
    pub(crate) fn is_created(&self) -> bool {
        self.is_right() && !matches!(RECIPES[self.recipe].expected, Expected::Denied(..))
    }
}

/// Judges what the client of a creation got.
pub(crate) fn verdict(mix: &Mix, recipe: usize, pod: &str, got: Result<Reply, Error>) -> Verdict {
    let reply = match got {
        Ok(reply) => reply,
        Err(error) => return Verdict::Lost(error.to_string()),
    };
    let said = || format!("{} {} {:?}", reply.status, reply.message(), reply.warnings);
    if reply.status >= 500 || reply.status == 429 || reply.message().contains("failed calling webhook") {
        return Verdict::Undecided(said());
    }
    let right = match &RECIPES[recipe].expected {
        Expected::Denied(webhook, parts) => {
            let by = format!("admission webhook \"{webhook}\" denied the request: ");
            let contains = |part: &&str| reply.message().contains(&mix.text(part, pod));
            reply.status == 403 && reply.message().contains(&by) && parts.iter().all(contains)
        }
        created => {
            let warned = match (created, &reply.warnings[..]) {
                (Expected::Warned(part), [warning]) => warning.contains(&mix.text(part, pod)),
                (_, warnings) => warnings.is_empty() && *created == Expected::Created,
            };
            reply.status == 201 && warned && reserved(&reply.body) == *mix.labels(recipe)
        }
    };
    if right { Verdict::Right } else { Verdict::Wrong(format!("{} {:?}", said(), reserved(&reply.body))) }
}
