//! Who leads, by a Lease of the API server: what to do about it is a pure function of what was seen, and when.
//!
//! Clocks of different machines are not compared. Whoever wants the Lease waits until it has not changed for its whole
//! duration, by its own clock; whoever holds it stops sooner than that after the last time that it asked for more.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

/// For how long the Lease holds when it is not renewed.
pub(crate) const LASTS: Duration = Duration::from_secs(15);
/// How often it is renewed, and looked at by whoever wants it.
pub(crate) const EVERY: Duration = Duration::from_secs(2);
/// How long after asking for its renewal the leader still acts. What it has sent by then has five seconds to end.
pub(crate) const ACTS: Duration = Duration::from_secs(10);

/// The Lease as it was read, and since when it has been so by this process's clock.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    object: Value,
    since: Instant,
}

/// What to do about the Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is none: make it.
    Create,
    /// It is nobody's, or has run out: take it.
    Take,
    /// It is ours: ask for more.
    Renew,
    /// It is another's.
    Wait,
}

impl Seen {
    /// What is known of the Lease once it was read at `now`.
    pub(crate) fn next(before: Option<Self>, object: Value, now: Instant) -> Self {
        let same = |seen: &Self| version(&seen.object) == version(&object);
        let since = before.filter(same).map_or(now, |seen| seen.since);
        Self { object, since }
    }

    /// Who holds it; nobody where it was given back.
    pub(crate) fn holder(&self) -> Option<&str> {
        self.object.pointer("/spec/holderIdentity")?.as_str().filter(|holder| !holder.is_empty())
    }

    /// Whether it has run out at `now`.
    fn is_over(&self, now: Instant) -> bool {
        let seconds = self.object.pointer("/spec/leaseDurationSeconds").and_then(Value::as_u64);
        // No value of somebody else's may keep it for ever, or make it end at once.
        let lasts = seconds.map_or(LASTS, |seconds| Duration::from_secs(seconds.clamp(1, 600)));
        now.saturating_duration_since(self.since) >= lasts
    }
}

/// What to do about the Lease, as `me`.
pub(crate) fn step(seen: Option<&Seen>, me: &str, now: Instant) -> Step {
    let Some(seen) = seen else { return Step::Create };
    match seen.holder() {
        None => Step::Take,
        Some(holder) if holder == me => Step::Renew,
        Some(_) if seen.is_over(now) => Step::Take,
        Some(_) => Step::Wait,
    }
}

/// The Lease as `me` wants it next, with the version that it replaces, so that of two only one comes through.
pub(crate) fn wanted(seen: Option<&Seen>, step: Step, me: &str, place: (&str, &str), clock: Timestamp) -> Value {
    let (namespace, name) = place;
    let mut object = seen.map_or_else(
        || {
            json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                "metadata": {"namespace": namespace, "name": name, "labels": {"app.kubernetes.io/name": "netintent"}}})
        },
        |seen| seen.object.clone(),
    );
    let clock = micros(clock);
    let transitions = object.pointer("/spec/leaseTransitions").and_then(Value::as_u64).unwrap_or_default();
    if !object["spec"].is_object() {
        object["spec"] = json!({});
    }
    let spec = &mut object["spec"];
    if step != Step::Renew {
        spec["acquireTime"] = clock.clone();
        spec["leaseTransitions"] =
            transitions.saturating_add(u64::from(step == Step::Take)).min(i32::MAX as u64).into();
    }
    spec["holderIdentity"] = me.into();
    spec["leaseDurationSeconds"] = LASTS.as_secs().into();
    spec["renewTime"] = clock;
    object
}

/// The Lease given back, so that another takes it at once.
pub(crate) fn released(seen: &Seen, clock: Timestamp) -> Value {
    let mut object = seen.object.clone();
    object["spec"]["holderIdentity"] = "".into();
    object["spec"]["leaseDurationSeconds"] = 1.into();
    object["spec"]["renewTime"] = micros(clock);
    object
}

/// A time as a Lease or an Event has it.
pub(crate) fn micros(clock: Timestamp) -> Value {
    format!("{clock:.6}").into()
}

fn version(object: &Value) -> Option<&str> {
    object.pointer("/metadata/resourceVersion")?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: (&str, &str) = ("netintent-system", "netintent");

    fn lease(version: &str, holder: &str) -> Value {
        json!({"metadata": {"resourceVersion": version},
            "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "leaseTransitions": 3, "acquireTime": "then"}})
    }

    #[test]
    fn a_lease_is_taken_when_it_is_free_or_has_run_out() {
        let now = Instant::now();
        assert_eq!(step(None, "me", now), Step::Create);
        let of = |holder: &str| Seen::next(None, lease("1", holder), now);
        assert_eq!(step(Some(&of("")), "me", now), Step::Take);
        assert_eq!(step(Some(&of("me")), "me", now), Step::Renew);
        assert_eq!(step(Some(&of("other")), "me", now), Step::Wait);
        let late = now + LASTS;
        assert_eq!(step(Some(&of("other")), "me", late), Step::Take);
        assert_eq!(step(Some(&of("me")), "me", late), Step::Renew, "nobody has taken it");
    }

    #[test]
    fn a_lease_runs_out_by_our_own_clock_and_not_while_it_changes() {
        let now = Instant::now();
        let mut seen = Seen::next(None, lease("1", "other"), now);
        for second in 1..100 {
            let at = now + Duration::from_secs(second);
            // It changes every ten seconds.
            seen = Seen::next(Some(seen), lease(&(second / 10).to_string(), "other"), at);
            assert_eq!(step(Some(&seen), "me", at), Step::Wait, "{second}");
        }
        let at = now + Duration::from_secs(104);
        seen = Seen::next(Some(seen), lease("9", "other"), at);
        assert_eq!(step(Some(&seen), "me", at), Step::Wait);
        assert_eq!(step(Some(&seen), "me", at + Duration::from_secs(1)), Step::Take);
    }

    #[test]
    fn what_others_write_neither_keeps_it_for_ever_nor_ends_it_at_once() {
        let now = Instant::now();
        let mut long = lease("1", "other");
        long["spec"]["leaseDurationSeconds"] = i32::MAX.into();
        assert_eq!(step(Some(&Seen::next(None, long, now)), "me", now + Duration::from_mins(10)), Step::Take);
        let mut none = lease("1", "other");
        none["spec"]["leaseDurationSeconds"] = 0.into();
        assert_eq!(step(Some(&Seen::next(None, none, now)), "me", now), Step::Wait);
    }

    #[test]
    fn the_leader_stops_before_another_may_begin() {
        assert!(ACTS + Duration::from_secs(5) <= LASTS);
        assert!(EVERY * 3 < ACTS, "one lost renewal does not end it");
    }

    #[test]
    fn what_is_written_replaces_what_was_read() {
        let (now, clock) = (Instant::now(), Timestamp::UNIX_EPOCH);
        let created = wanted(None, Step::Create, "me", PLACE, clock);
        assert_eq!(created["metadata"]["name"], "netintent");
        assert_eq!(created["spec"]["renewTime"], "1970-01-01T00:00:00.000000Z");
        assert_eq!(created["spec"]["leaseTransitions"], 0);
        let seen = Seen::next(None, lease("7", "other"), now);
        let taken = wanted(Some(&seen), Step::Take, "me", PLACE, clock);
        assert_eq!(taken["metadata"]["resourceVersion"], "7");
        assert_eq!((&taken["spec"]["holderIdentity"], &taken["spec"]["leaseTransitions"]), (&"me".into(), &4.into()));
        let seen = Seen::next(None, lease("8", "me"), now);
        let renewed = wanted(Some(&seen), Step::Renew, "me", PLACE, clock);
        assert_eq!(
            (&renewed["spec"]["acquireTime"], &renewed["spec"]["leaseTransitions"]),
            (&"then".into(), &3.into())
        );
        let released = Seen::next(None, released(&seen, clock), now);
        assert_eq!((released.holder(), step(Some(&released), "other", now)), (None, Step::Take));
    }
}
