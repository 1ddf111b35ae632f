//! What a check found.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::history::Event;

/// What was looked at, and what was wrong.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How many versions were looked at.
    pub versions: usize,
    /// How many of them changed what labels and policies hang on.
    pub changes: usize,
    /// How many labels of netintent's pods gained.
    pub gains: usize,
    /// How many running pods lost.
    pub losses: usize,
    /// How often a policy was made or said something else.
    pub written: usize,
    /// How often one was deleted.
    pub deleted: usize,
    /// How many led, one after the other.
    pub leaders: usize,
    /// How long something was amiss at most while somebody led, and what.
    pub longest: (Duration, String),
    /// What was wrong.
    pub violations: Vec<Violation>,
}

/// A step that was wrong.
#[derive(Debug, Clone)]
pub struct Violation {
    /// At which version.
    pub version: u64,
    /// When, from the beginning of the history on.
    pub at: Duration,
    /// What was wrong.
    pub what: String,
    /// The objects that it hangs on, a line each.
    pub objects: Vec<String>,
}

impl Report {
    /// Adds what another check found.
    pub fn add(&mut self, other: Self) {
        self.versions += other.versions;
        self.changes += other.changes;
        self.gains += other.gains;
        self.losses += other.losses;
        self.written += other.written;
        self.deleted += other.deleted;
        self.leaders += other.leaders;
        self.longest = std::mem::take(&mut self.longest).max(other.longest);
        self.violations.extend(other.violations);
    }

    /// The figures, in one line.
    pub fn figures(&self) -> String {
        format!(
            "{} versions, {} of them changes of what labels and policies hang on; {} labels gained and {} lost, {} policies \
             written and {} deleted; {} times somebody led; amiss for {:.1?} at most ({}); {} violations",
            self.versions,
            self.changes,
            self.gains,
            self.losses,
            self.written,
            self.deleted,
            self.leaders,
            self.longest.0,
            self.longest.1,
            self.violations.len(),
        )
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version {} ({:.1?}): {}", self.version, self.at, self.what)?;
        self.objects.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

/// An object in one line, as far as something hangs on it.
pub(super) fn line(event: &Event) -> String {
    let (namespace, name) = &event.key;
    let head = format!("version {} ({:.1?}) {} {namespace}/{name}", event.version, event.at, event.kind);
    let Some(object) = &event.object else { return format!("{head} is gone") };
    let metadata = &object["metadata"];
    let spec = match event.kind {
        // Of these nothing hangs on more.
        "Pod" | "ReplicaSet" | "Namespace" => Value::Null,
        _ => object["spec"].clone(),
    };
    let told = json!({"labels": metadata["labels"], "annotations": metadata["annotations"], "spec": spec});
    format!("{head} {told}")
}
