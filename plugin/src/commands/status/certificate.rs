//! The certificate authority that the API server trusts: whether there is one in each entry, and for how long.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;
use x509_parser::pem::Pem;

use super::line::Line;
use crate::cluster::status::{Answer, Facts};

const NAME: &str = "certificate";
/// From how many days before its end on somebody should look after it: the webhook renews its own long before.
const DAYS: i64 = 7;

/// What is to be said of the bundles of both configurations.
pub(super) fn certificate(facts: &Facts) -> Line {
    let now = facts.now;
    let mut bundles: Vec<(&str, Option<&str>)> = Vec::new();
    for answer in [&facts.mutating, &facts.validating] {
        match answer {
            Answer::Unread(why) => return Line::unknown(NAME, format!("not permitted: {why}")),
            Answer::Missing => {}
            Answer::Is(configuration) => {
                let hooks = configuration["webhooks"].as_array().into_iter().flatten();
                bundles.extend(hooks.map(|hook| (name(hook), hook["clientConfig"]["caBundle"].as_str())));
            }
        }
    }
    let without: Vec<&str> = bundles.iter().filter(|(_, bundle)| bundle.is_none()).map(|(name, _)| *name).collect();
    let help = "the replica that leads writes it within seconds, or cert-manager does: docs/operating.md, Certificates";
    if bundles.is_empty() {
        return Line::unknown(NAME, "there is no configuration to say it");
    }
    if !without.is_empty() {
        return Line::bad(
            NAME,
            format!("no caBundle in {}: the API server trusts nobody there", without.join(", ")),
            help,
        );
    }
    let ends: Result<Vec<Timestamp>, String> =
        bundles.iter().filter_map(|(_, bundle)| *bundle).map(|bundle| end(bundle, now)).collect();
    match ends {
        Err(why) => Line::bad(NAME, why, help),
        // The first to end counts: an entry each.
        Ok(ends) => match ends.into_iter().min() {
            None => Line::unknown(NAME, "there is none"),
            Some(end) => told(end, now),
        },
    }
}

fn name(hook: &Value) -> &str {
    hook["name"].as_str().unwrap_or("?")
}

fn told(end: Timestamp, now: Timestamp) -> Line {
    let days = end.duration_since(now).as_hours() / 24;
    let text = format!("the authority that the API server trusts is valid until {end}: {}", in_days(days));
    if days < DAYS {
        return Line::bad(
            NAME,
            text,
            "it should have been renewed by now: docs/operating.md, NetintentCertificateExpiring",
        );
    }
    Line::good(NAME, text)
}

/// `1 day`, `12 days`.
pub(super) fn in_days(days: i64) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

/// Until when some certificate of a bundle is valid that is so now.
fn end(bundle: &str, now: Timestamp) -> Result<Timestamp, String> {
    let pem = STANDARD.decode(bundle).map_err(|_| "a caBundle is no base64".to_owned())?;
    let mut until: Option<Timestamp> = None;
    let mut over: Option<Timestamp> = None;
    for pem in Pem::iter_from_buffer(&pem) {
        let unreadable = |why: String| format!("a certificate of a caBundle can't be read: {why}");
        let pem = pem.map_err(|error| unreadable(error.to_string()))?;
        let certificate = pem.parse_x509().map_err(|error| unreadable(error.to_string()))?;
        let at = |seconds| Timestamp::from_second(seconds).map_err(|error| unreadable(error.to_string()));
        let validity = certificate.validity();
        let (from, to) = (at(validity.not_before.timestamp())?, at(validity.not_after.timestamp())?);
        if from <= now && now < to {
            until = until.max(Some(to));
        } else {
            over = over.max(Some(to));
        }
    }
    match (until, over) {
        (Some(until), _) => Ok(until),
        (None, Some(over)) => Err(format!("no certificate of a caBundle is valid: the last one until {over}")),
        (None, None) => Err("a caBundle has no certificate".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::State;
    use super::super::tests::{AUTHORITY, facts};
    use super::*;

    fn at(now: &str) -> Line {
        certificate(&Facts { now: now.parse().unwrap(), ..facts() })
    }

    #[test]
    fn the_end_is_told_and_before_it_somebody_is_needed() {
        let line = at("2026-11-26T12:00:00Z");
        assert_eq!(line.state, State::Good, "{line:?}");
        assert!(line.text.contains("valid until 2036-"), "{line:?}");
        let late = at("2036-11-21T00:00:00Z");
        assert!(late.state == State::Bad && late.text.ends_with(" days"), "{late:?}");
        let over = at("2037-01-01T00:00:00Z");
        assert!(over.state == State::Bad && over.text.contains("no certificate of a caBundle is valid"), "{over:?}");
        assert_eq!(at("2020-01-01T00:00:00Z").state, State::Bad);
    }

    #[test]
    fn one_entry_without_is_one_too_many() {
        let mut facts = facts();
        if let Answer::Is(configuration) = &mut facts.mutating {
            configuration["webhooks"][1]["clientConfig"]["caBundle"] = Value::Null;
        }
        let line = certificate(&facts);
        assert!(
            line.state == State::Bad && line.text.contains("no caBundle in enforce.derive.netintent.dev"),
            "{line:?}"
        );
        for (bundle, said) in [("!", "no base64"), ("", "no certificate"), ("LS0tLS1CRUdJTg==", "")] {
            if let Answer::Is(configuration) = &mut facts.mutating {
                configuration["webhooks"][1]["clientConfig"]["caBundle"] = bundle.into();
            }
            let line = certificate(&facts);
            assert!(line.state == State::Bad && line.text.contains(said), "{line:?}");
        }
        assert!(AUTHORITY.starts_with("LS0t"));
    }
}
