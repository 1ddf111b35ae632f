//! All that happened in a cluster, in the order in which it did, and whether every step of it was right.
//!
//! The API server has one etcd, and so one order: each change has a resourceVersion of its own, and a later one a greater
//! one. [`Recorder`] watches every kind that something hangs on, [`check()`] replays what it saw and asks the library at each
//! version what should be.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::expected::Key;

mod check;
mod recorder;
mod replay;

pub use check::{Limits, Own, Report, Violation, check};
pub use recorder::Recorder;

/// An object was created, changed or deleted.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// At which version.
    pub version: u64,
    /// When it was heard of, from the beginning of the history on: it had happened by then.
    pub at: Duration,
    /// The kind of the object.
    pub kind: &'static str,
    /// Its namespace and name.
    pub key: Key,
    /// The object as it is since, without `managedFields`; `None`: it is gone.
    pub object: Option<Value>,
}

/// What happened, in order.
#[derive(Debug, Clone)]
pub struct History {
    began: Timestamp,
    events: Vec<Event>,
}

impl History {
    /// What happened since `began`, where nothing of it was there.
    pub fn new(began: Timestamp, mut events: Vec<Event>) -> Self {
        events.sort_by_key(|event| event.version);
        // Kinds are heard of by watches of their own, one sooner than another: what is older than what was heard of had
        // happened by then, too.
        let mut latest = Duration::MAX;
        for event in events.iter_mut().rev() {
            latest = latest.min(event.at);
            event.at = latest;
        }
        Self { began, events }
    }

    /// Its events.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// When it began.
    pub fn began(&self) -> Timestamp {
        self.began
    }

    /// The time of day at a moment of it.
    fn clock(&self, at: Duration) -> Timestamp {
        self.began + at
    }

    /// When somebody led without a break, by the Lease: from one renewal to the last that followed closely.
    fn led(&self) -> Vec<(Duration, Duration)> {
        let mut all: Vec<(String, Duration, Duration)> = Vec::new();
        for event in self.events.iter().filter(|event| event.kind == "Lease") {
            let holder = event.object.as_ref().and_then(|object| object["spec"]["holderIdentity"].as_str());
            // Whoever else takes the Lease has no such name, and does not act.
            let holder = holder.filter(|holder| holder.contains('_')).unwrap_or_default().to_owned();
            match all.last_mut() {
                Some((before, _, to)) if *before == holder && event.at.saturating_sub(*to) < CLOSELY => *to = event.at,
                _ => all.push((holder, event.at, event.at)),
            }
        }
        all.into_iter().filter(|(holder, ..)| !holder.is_empty()).map(|(_, from, to)| (from, to)).collect()
    }

    /// How many have led.
    pub fn leaders(&self) -> usize {
        self.led().len()
    }
}

/// Leaders renew their Lease every two seconds.
const CLOSELY: Duration = Duration::from_secs(6);
