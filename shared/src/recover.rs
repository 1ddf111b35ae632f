//! What an administrator opens while the webhook is gone, and how it is undone: pure. The plugin opens, and it or the
//! controller undoes.
//!
//! Two things are opened, and each says on itself since when, by whom and what was before, so that nothing else need be
//! remembered: the entries of the webhook configurations that wait for an answer ([`admission`]), and Services
//! ([`policy`]).

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

pub mod admission;
pub mod policy;

/// Whoever is in this group is asked neither by derive nor by the guard.
pub const GROUP: &str = "netintent:recover";

/// The longest time for which a Service may be opened at once.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// The most characters of a user's name that are written down.
const MOST: usize = 253;

/// Since when something is open, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The moment, in whole seconds.
    pub since: Timestamp,
    /// The user who did it.
    pub by: String,
}

impl Opened {
    /// By this user, from `now` on.
    pub fn now(by: &str, now: Timestamp) -> Self {
        let since = Timestamp::from_second(now.as_second()).unwrap_or(now);
        Self { since, by: by.chars().take(MOST).collect() }
    }

    fn read(record: &Value) -> Result<Self, RecordError> {
        let by = record.get("by").and_then(Value::as_str).ok_or(RecordError("`by` is no text"))?;
        Ok(Self { since: moment(record, "since")?, by: by.chars().take(MOST).collect() })
    }

    fn write(&self) -> Value {
        json!({"since": self.since.to_string(), "by": self.by})
    }
}

/// Why the annotation can't be understood: somebody else has written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the annotation netintent.dev/recover can't be understood: {0}")]
pub struct RecordError(&'static str);

fn parsed(text: &str) -> Result<Value, RecordError> {
    serde_json::from_str(text).ok().filter(Value::is_object).ok_or(RecordError("it is no JSON object"))
}

fn moment(record: &Value, key: &str) -> Result<Timestamp, RecordError> {
    let text = record.get(key).and_then(Value::as_str).and_then(|text| text.parse().ok());
    text.ok_or(RecordError("a time in it is none"))
}

#[cfg(test)]
mod tests;
