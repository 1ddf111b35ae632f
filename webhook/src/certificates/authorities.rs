//! Which authority signs, which will, and which did: what all replicas share in one Secret, and the only ways in which it
//! changes. Pure: the clock is given.
//!
//! ```text
//!              after two thirds of its time,          once every caBundle
//!              or where the Secret is lost            has had it for a while
//! current ───────────────────────────► current, next ───────────────────► current, previous ──► current
//! ```
//!
//! INVARIANT: nothing is ever served that `current` has not signed, and `next` becomes `current` only when the API servers
//! trust it. So no handshake fails because of a rotation.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::authority::{Authority, AuthorityError, SKEW};

/// How long every caBundle has had a certificate before the API servers are taken to know it.
pub const SETTLE: SignedDuration = SignedDuration::from_secs(30);
/// How long what was signed by the former authority may still be served somewhere.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// The keys of the Secret.
mod key {
    pub(super) const CURRENT: [&str; 2] = ["tls.crt", "tls.key"];
    pub(super) const NEXT: [&str; 2] = ["next.crt", "next.key"];
    pub(super) const PREVIOUS: [&str; 2] = ["previous.crt", "previous.until"];
}

/// What the Secret holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities {
    /// Signs what is served.
    pub current: Authority,
    /// Will sign, once it is trusted.
    pub next: Option<Authority>,
    /// Has signed what may still be served.
    pub previous: Option<Previous>,
}

/// A former authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Previous {
    /// Its certificate, in PEM. Its key is gone.
    pub certificate: String,
    /// Until when it is kept.
    pub until: Timestamp,
}

/// Why a Secret can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// A key is missing.
    #[error("it has no `{0}`")]
    Missing(&'static str),
    /// A value is no text.
    #[error("`{0}` is not UTF-8")]
    NotText(&'static str),
    /// A value is no time.
    #[error("`{0}` is no time")]
    NotTime(&'static str),
    /// A pair can't be used.
    #[error("`{0}` can't be used: {1}")]
    Authority(&'static str, AuthorityError),
}

impl Authorities {
    /// One authority, made now.
    ///
    /// # Errors
    /// As [`Authority::generate`].
    pub fn generate(now: Timestamp) -> Result<Self, AuthorityError> {
        Ok(Self { current: Authority::generate(now)?, next: None, previous: None })
    }

    /// Reads the data of the Secret.
    ///
    /// # Errors
    /// Where the current authority can't be read; or another that stands there, in part or wrong.
    pub fn parse(data: &BTreeMap<String, Vec<u8>>) -> Result<Self, SecretError> {
        let text = |key: &'static str| match data.get(key) {
            None => Err(SecretError::Missing(key)),
            Some(bytes) => std::str::from_utf8(bytes).map_err(|_| SecretError::NotText(key)),
        };
        let authority = |[certificate, key]: [&'static str; 2]| {
            Authority::parse(text(certificate)?, text(key)?).map_err(|error| SecretError::Authority(certificate, error))
        };
        let is_there = |keys: [&str; 2]| keys.iter().any(|key| data.contains_key(*key));
        let previous = |[certificate, until]: [&'static str; 2]| {
            let until = text(until)?.parse().map_err(|_| SecretError::NotTime(until))?;
            Ok(Previous { certificate: text(certificate)?.to_owned(), until })
        };
        Ok(Self {
            current: authority(key::CURRENT)?,
            next: is_there(key::NEXT).then(|| authority(key::NEXT)).transpose()?,
            previous: is_there(key::PREVIOUS).then(|| previous(key::PREVIOUS)).transpose()?,
        })
    }

    /// The data of the Secret.
    pub fn data(&self) -> BTreeMap<String, Vec<u8>> {
        let mut data = BTreeMap::new();
        let mut put = |[first, second]: [&str; 2], values: [&str; 2]| {
            data.insert(first.to_owned(), values[0].into());
            data.insert(second.to_owned(), values[1].into());
        };
        put(key::CURRENT, [self.current.certificate(), self.current.key()]);
        if let Some(next) = &self.next {
            put(key::NEXT, [next.certificate(), next.key()]);
        }
        if let Some(previous) = &self.previous {
            put(key::PREVIOUS, [&previous.certificate, &previous.until.to_string()]);
        }
        data
    }

    /// The certificates that the API servers should trust, in PEM.
    pub fn certificates(&self) -> impl Iterator<Item = &str> {
        let next = self.next.as_ref().map(Authority::certificate);
        let previous = self.previous.as_ref().map(|previous| previous.certificate.as_str());
        [Some(self.current.certificate()), next, previous].into_iter().flatten()
    }
}

/// What should be stored in place of what is; `None`: it may stay.
///
/// `held` is what this replica knew last. `settled` tells of a certificate whether every caBundle has had it for [`SETTLE`].
///
/// # Errors
/// Where an authority would have to be made and can't be.
pub(super) fn step(
    stored: Option<&Authorities>,
    held: Option<&Authorities>,
    settled: &dyn Fn(&str) -> bool,
    now: Timestamp,
) -> Result<Option<Authorities>, AuthorityError> {
    // What the API servers do not trust yet, since a clock ran ahead where it was made, is as good as lost.
    let Some(stored) = stored.filter(|stored| stored.current.valid.from <= now) else {
        // Lost, or taken away so that there be another: what is served goes on to be trusted until its successor is. That is
        // a new one, since whoever saw the Secret saw all of it.
        let Some(held) = held.filter(|held| held.current.valid.holds(now)) else {
            return Authorities::generate(now).map(Some);
        };
        return Ok(Some(Authorities { next: Some(Authority::generate(now)?), ..held.clone() }));
    };
    let mut changed = stored.clone();
    changed.previous = changed.previous.filter(|previous| now < previous.until);
    let soon = now.saturating_add(SKEW)?;
    changed.next = changed.next.filter(|next| !next.valid.is_over(now) && next.valid.from <= soon);
    let over = stored.current.valid.is_over(now);
    match &changed.next {
        // Of what is over nobody trusts anything: there is nothing to wait for.
        Some(next) if next.valid.holds(now) && (over || settled(next.certificate())) => {
            let until = now.saturating_add(KEPT)?.min(stored.current.valid.until);
            changed.previous =
                (!over).then(|| Previous { certificate: stored.current.certificate().to_owned(), until });
            changed.current = next.clone();
            changed.next = None;
        }
        Some(_) if !over => {}
        _ if over => changed = Authorities::generate(now)?,
        _ if stored.current.valid.renewal() <= now => changed.next = Some(Authority::generate(now)?),
        _ => {}
    }
    Ok(Some(changed).filter(|changed| changed != stored))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-26T00:00:00Z".parse().unwrap()
    }

    fn after(days: i64) -> Timestamp {
        now() + SignedDuration::from_hours(24 * days)
    }

    const SETTLED: &dyn Fn(&str) -> bool = &|_| true;
    const NOT_YET: &dyn Fn(&str) -> bool = &|_| false;

    #[test]
    fn a_rotation_waits_for_trust_and_forgets_in_the_end() {
        let first = step(None, None, NOT_YET, now()).unwrap().unwrap();
        assert_eq!(step(Some(&first), None, SETTLED, after(200)).unwrap(), None, "not yet due");
        let second = step(Some(&first), Some(&first), SETTLED, after(250)).unwrap().unwrap();
        assert!(second.current == first.current && second.next.is_some());
        assert_eq!(step(Some(&second), None, NOT_YET, after(251)).unwrap(), None, "not yet trusted");
        let third = step(Some(&second), None, SETTLED, after(251)).unwrap().unwrap();
        assert_eq!((Some(&third.current), &third.next), (second.next.as_ref(), &None));
        assert_eq!(third.certificates().nth(1), Some(first.current.certificate()), "what it signed is still served");
        assert_eq!(step(Some(&third), None, SETTLED, after(251)).unwrap(), None);
        let fourth = step(Some(&third), None, SETTLED, after(252)).unwrap().unwrap();
        assert_eq!(fourth, Authorities { previous: None, ..third });
    }

    #[test]
    fn what_is_lost_is_rotated_and_not_replaced() {
        let held = Authorities::generate(now()).unwrap();
        let again = step(None, Some(&held), NOT_YET, now()).unwrap().unwrap();
        assert!(again.current == held.current && again.next.is_some());
        // Lost once more, its successor is another: that it was to be a secret nobody knows any more.
        let once_more = step(None, Some(&again), NOT_YET, now()).unwrap().unwrap();
        assert!(once_more.current == held.current && once_more.next != again.next);
        // A year later there is nothing to save.
        let other = step(None, Some(&held), NOT_YET, after(365)).unwrap().unwrap();
        assert!(other.current != held.current && other.next.is_none());
    }

    #[test]
    fn what_is_over_is_replaced_at_once() {
        let old = Authorities::generate(now()).unwrap();
        let new = step(Some(&old), Some(&old), NOT_YET, after(365)).unwrap().unwrap();
        assert!(new.current != old.current && new.previous.is_none());
        let waiting = Authorities { next: Some(Authority::generate(after(300)).unwrap()), ..old };
        let new = step(Some(&waiting), None, NOT_YET, after(366)).unwrap().unwrap();
        assert_eq!((Some(&new.current), &new.previous), (waiting.next.as_ref(), &None));
        // A successor that was never trusted in its whole life has a successor.
        let long = step(Some(&waiting), None, NOT_YET, after(700)).unwrap().unwrap();
        assert!(Some(&long.current) != waiting.next.as_ref() && !long.current.valid.is_over(after(700)));
    }

    /// A node whose clock is ahead makes what nobody else trusts yet.
    #[test]
    fn what_is_not_valid_yet_never_signs() {
        let held = Authorities::generate(now()).unwrap();
        let early = Authority::generate(after(150)).unwrap();
        let waiting = Authorities { next: Some(early.clone()), ..held.clone() };
        assert_eq!(step(Some(&waiting), None, SETTLED, now()).unwrap(), Some(held.clone()));
        let hours = SignedDuration::from_mins(90);
        let skewed = Authorities { next: Some(Authority::generate(now() + hours).unwrap()), ..held.clone() };
        assert_eq!(step(Some(&skewed), None, SETTLED, now()).unwrap(), None, "it is waited for");
        assert!(step(Some(&skewed), None, SETTLED, now() + hours).unwrap().is_some());
        let stored = Authorities { current: early, next: None, previous: None };
        let new = step(Some(&stored), Some(&held), SETTLED, now()).unwrap().unwrap();
        assert!(new.current == held.current && new.next.is_some());
        assert!(step(Some(&stored), None, SETTLED, now()).unwrap().unwrap().current.valid.holds(now()));
    }

    #[test]
    fn a_secret_is_read_back_or_said_to_be_wrong() {
        let mut all = Authorities::generate(now()).unwrap();
        all.next = Some(Authority::generate(now()).unwrap());
        all.previous = Some(Previous { certificate: all.current.certificate().to_owned(), until: after(1) });
        assert_eq!(Authorities::parse(&all.data()).unwrap(), all);
        let wrong = |key: &str, value: Option<&str>| {
            let mut data = all.data();
            match value {
                Some(value) => drop(data.insert(key.to_owned(), value.into())),
                None => drop(data.remove(key)),
            }
            Authorities::parse(&data).unwrap_err().to_string()
        };
        assert_eq!(wrong("tls.key", None), "it has no `tls.key`");
        assert_eq!(wrong("next.key", None), "it has no `next.key`");
        assert_eq!(wrong("previous.until", Some("soon")), "`previous.until` is no time");
        let other = all.next.as_ref().map(|next| next.key().to_owned());
        assert_eq!(wrong("tls.key", other.as_deref()), "`tls.crt` can't be used: the certificate is of another key");
    }

    /// Whatever the order of replicas and of time: what a replica serves, or may serve next, is always among what is stored
    /// for the caBundle, and each rotation comes to its end.
    #[test]
    fn in_ten_years_of_days_nothing_is_served_that_is_not_trusted() {
        let mut stored = Authorities::generate(now()).unwrap();
        let (mut rotations, mut trusted) = (0, stored.clone());
        for day in 0..3650 {
            let settled = |certificate: &str| trusted.certificates().any(|known| known == certificate);
            if let Some(new) = step(Some(&stored), Some(&stored), &settled, after(day)).unwrap() {
                assert!(settled(new.current.certificate()), "day {day}");
                rotations += u32::from(new.current != stored.current);
                stored = new;
            }
            // The API servers learn of it a day later.
            trusted = stored.clone();
            assert!(!stored.current.valid.is_over(after(day)), "day {day}");
        }
        assert_eq!(rotations, 14);
    }
}
