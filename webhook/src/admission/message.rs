//! What people read: refusals in full for a denial, in a line for a warning.

use netintent::catalogue::services_meant;
use netintent::derive::Strictness;
use netintent::refusal::{self, Wording, unknown, wrong_port_of};

use super::Judged;
use crate::world::World;

/// How many refusals one denial tells in full.
const IN_FULL: usize = 5;

/// Of how many refusals it is said why, and what to do: more than fit into what the API server passes on.
const IN_WORDS: usize = 24;

/// Something to tell about one intent.
#[derive(Debug)]
pub(super) struct Told {
    /// Who may not call what, and why; or what else is wrong with an intent.
    pub(super) message: String,
    /// What to do.
    pub(super) help: Option<String>,
    /// The manifest that would do it.
    approval: Option<String>,
    /// The index of the refusal; `None` where the intent is granted.
    pub(super) refusal: Option<usize>,
}

/// What there is to tell of a pod's intents, refusals first: by the world that they hang on, with near names from `all`
/// that is known.
pub(super) fn told(world: &World, all: &World, judged: &Judged) -> Vec<Told> {
    let derived = &judged.derived;
    let mut told = Vec::new();
    let refusals = &derived.derivation.refusals;
    let mut order: Vec<usize> = (0..refusals.len()).collect();
    order.retain(|at| judged.refusals[*at].strictness != Strictness::None);
    // What is rejected comes first; of hundreds nobody reads more than the first.
    order.sort_by_key(|at| std::cmp::Reverse((judged.refusals[*at].own, judged.refusals[*at].strictness)));
    for (number, at) in order.into_iter().enumerate() {
        let refused = &refusals[at];
        if number >= IN_WORDS {
            let message = format!("{} may not call {}", derived.caller, refused.callee);
            told.push(Told { message, help: None, approval: None, refusal: Some(at) });
            continue;
        }
        let word = refusal::word(world, world.statements(), &derived.caller, refused);
        let Wording { mut message, help, mut approval } = word;
        let mut help = Some(help);
        if number >= IN_FULL && services_meant(world, &refused.callee).is_empty() {
            // Near names are costly to find, and who has misspelt the first few looks at the others too.
            message = format!("{} may not call {}: there is no such Service", derived.caller, refused.callee);
        } else if let Some((missing, near)) = unknown(world, &refused.callee, "") {
            let near = near.or_else(|| unknown(all, &refused.callee, "").and_then(|(_, near)| near));
            message = format!("{} may not call {}: {missing}", derived.caller, refused.callee);
            // What is not there yet can be approved already; what is misspelt should not be.
            if near.is_some() {
                (help, approval) = (near, None);
            }
        }
        told.push(Told { message, help, approval, refusal: Some(at) });
    }
    for grant in &derived.derivation.grants {
        // A Service that is still to come has no ports yet: nothing is wrong with them.
        if let Some(wrong) = wrong_port_of(world, &grant.callee) {
            told.push(Told {
                message: wrong.message.clone(),
                help: Some(wrong.advice().to_owned()),
                approval: None,
                refusal: None,
            });
        }
    }
    told
}

/// Who may not call what, and why, of what is refused.
pub(super) fn sentences<'t>(told: impl IntoIterator<Item = &'t Told>) -> Vec<String> {
    let refused = told.into_iter().filter(|told| told.refusal.is_some());
    refused.map(|told| told.message.clone()).collect()
}

impl Told {
    /// In a line.
    pub(super) fn warning(&self) -> String {
        self.help.as_ref().map_or_else(|| self.message.clone(), |help| format!("{}; {help}", self.message))
    }

    /// In full, with what to paste.
    fn full(&self) -> String {
        let help = self.help.as_ref().map_or_else(String::new, |help| format!("\n  {help}"));
        let paste = self.approval.as_ref().map_or_else(String::new, |manifest| {
            let indented: Vec<String> = manifest.lines().map(|line| format!("    {line}")).collect();
            format!("\n  which is this manifest:\n{}", indented.join("\n"))
        });
        format!("{}{help}{paste}", self.message)
    }
}

/// A denial for these refusals.
pub(super) fn denial<'t>(told: impl Iterator<Item = &'t Told>) -> String {
    let all: Vec<&Told> = told.collect();
    let mut text: Vec<String> = all.iter().take(IN_FULL).map(|told| told.full()).collect();
    if all.len() > IN_FULL {
        text.push(format!("and {} more intents are refused", all.len() - IN_FULL));
    }
    text.join("\n")
}

/// What of a pod's own annotations can't be read, a line each.
pub(super) fn malformed(judged: &Judged) -> Vec<String> {
    let intents = judged.malformed.iter().map(|error| {
        let help = error.help.as_ref().map_or_else(String::new, |help| format!("; {help}"));
        format!("{}: {}{help}", netintent::names::CALLS, error.message)
    });
    intents.chain(judged.derived.errors.iter().map(ToString::to_string)).collect()
}
