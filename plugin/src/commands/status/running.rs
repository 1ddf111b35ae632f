//! What runs: the Deployment, who leads, whether the webhook answers, and what the replicas say of themselves.

use jiff::{SignedDuration, Timestamp};
use netintent::recover::GROUP;
use serde_json::Value;

use super::certificate::in_days;
use super::line::Line;
use super::registrations::{Guard, guard};
use super::wrong::AGAIN;
use crate::cluster::status::{Answer, Facts, Probe};

/// After which time without a renewal the Lease is anybody's.
const LEASE: SignedDuration = SignedDuration::from_secs(15);

/// The Deployment, with its image.
pub(super) fn deployment(facts: &Facts) -> Line {
    const NAME: &str = "replicas";
    let namespace = &facts.namespace;
    let deployment = match &facts.deployment {
        Answer::Unread(why) => return Line::unknown(NAME, format!("not permitted: {why}")),
        Answer::Missing => {
            let text = format!("there is no Deployment netintent in namespace {namespace}");
            return Line::bad(NAME, text, "install it: kubectl netintent install --apply");
        }
        Answer::Is(deployment) => deployment,
    };
    let count = |place: &Value| place.as_u64().unwrap_or(0);
    let (wanted, ready) = (count(&deployment["spec"]["replicas"]), count(&deployment["status"]["readyReplicas"]));
    let updated = count(&deployment["status"]["updatedReplicas"]);
    let text = format!("{ready} of {wanted} are ready, {}", image(deployment));
    let seen = count(&deployment["status"]["observedGeneration"]) >= count(&deployment["metadata"]["generation"]);
    if seen && wanted > 0 && ready >= wanted && updated >= wanted {
        return Line::good(NAME, text);
    }
    let text = if updated < wanted { format!("{text}, {updated} of them of the newest template") } else { text };
    Line::bad(NAME, text, format!("kubectl describe -n {namespace} deployment/netintent, and kubectl logs, say why"))
}

/// The image of the first container.
fn image(deployment: &Value) -> &str {
    deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap_or("of no image")
}

/// Who leads.
pub(super) fn leader(facts: &Facts) -> Line {
    const NAME: &str = "leader";
    let help =
        "policies and labels of running pods stay as they are until one leads: docs/operating.md, NetintentNoLeader";
    let lease = match &facts.lease {
        Answer::Unread(why) => return Line::unknown(NAME, format!("not permitted: {why}")),
        Answer::Missing => return Line::bad(NAME, "no replica has ever led: there is no Lease", help),
        Answer::Is(lease) => &lease["spec"],
    };
    let holder = lease["holderIdentity"].as_str().filter(|holder| !holder.is_empty());
    let renewed = lease["renewTime"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    match (holder, renewed) {
        (None, _) => Line::bad(NAME, "no replica leads", help),
        (Some(holder), None) => Line::bad(NAME, format!("{holder} leads, and does not say since when"), help),
        (Some(holder), Some(renewed)) => {
            let age = facts.now.duration_since(renewed);
            let text = format!("{holder}, renewed {} s ago", age.as_secs().max(0));
            // Clocks of two machines may differ by some seconds.
            if age.abs() <= LEASE * 2 { Line::good(NAME, text) } else { Line::bad(NAME, text, help) }
        }
    }
}

/// Whether the webhook answers the API server.
pub(super) fn answers(facts: &Facts) -> Line {
    const NAME: &str = "answers";
    let probed = &facts.probed;
    let asked = format!("asked by a dry run of a pod in namespace {probed}");
    match &facts.probe {
        Probe::Taken if facts.passes => {
            let text = format!("{asked}, which was taken: nobody is asked about requests of the group {GROUP}");
            Line { help: Some("ask as somebody who is not in it".to_owned()), ..Line::unknown(NAME, text) }
        }
        // Nothing asks it of anything where its guard is not there.
        Probe::Taken => match guard(facts) {
            Guard::Whole => Line::good(NAME, asked),
            Guard::Loose => {
                let text = format!("nobody is asked: the guard is not there; {asked}");
                Line::bad(NAME, text, format!("{AGAIN} --force-conflicts"))
            }
            Guard::Changed => {
                let text = "which was taken; whether the webhook was asked can't be told, since its guard was changed";
                Line::unknown(NAME, format!("{asked}, {text}"))
            }
            Guard::Unread => {
                Line::unknown(NAME, format!("{asked}, which was taken; whether the webhook was asked can't be read"))
            }
        },
        Probe::Refused(why) => match failed(why) {
            Some(hook) if hook.ends_with(".netintent.dev") => {
                let help = "pods with intents and labels of netintent's are refused meanwhile: docs/operating.md, \
                    NetintentDown; kubectl netintent recover is the way back in";
                Line::bad(NAME, format!("it does not: {why}"), help)
            }
            _ if denied(why).is_some_and(|hook| hook.ends_with(".netintent.dev")) => Line::good(NAME, asked),
            _ => {
                let text = format!("could not be asked in namespace {probed}: {why}");
                Line {
                    help: Some("-n names a namespace in which you may create pods".to_owned()),
                    ..Line::unknown(NAME, text)
                }
            }
        },
    }
}

/// The webhook that the API server could not call. It says so at the beginning: what webhooks say comes after it.
fn failed(why: &str) -> Option<&str> {
    let why = why.strip_prefix("Internal error occurred: ").unwrap_or(why);
    Some(why.strip_prefix("failed calling webhook \"")?.split_once('"')?.0)
}

/// The webhook that has denied it.
fn denied(why: &str) -> Option<&str> {
    Some(why.strip_prefix("admission webhook \"")?.split_once("\" denied the request")?.0)
}

/// What the replicas say of themselves, where they can be asked.
pub(super) fn replicas(facts: &Facts) -> Vec<Line> {
    const NAME: &str = "told by replicas";
    if facts.replicas.is_empty() {
        let why = match &facts.pods {
            Answer::Unread(why) => format!("not permitted: {why}"),
            _ => format!("no pod of netintent runs in namespace {}", facts.namespace),
        };
        return vec![Line::told(NAME, format!("nothing: {why}"))];
    }
    let mut lines = Vec::new();
    for replica in &facts.replicas {
        let pod = &replica.pod;
        match &replica.ready {
            Ok(said) if said.trim_start().starts_with("ok") => {
                lines.push(Line::good(NAME, format!("{pod}: {}", said.trim())));
            }
            Ok(said) => lines.push(Line::bad(NAME, format!("{pod}: {}", said.trim()), "kubectl logs says more")),
            // Not everybody may, and not every API server reaches pods.
            Err(why) => lines.push(Line::told(NAME, format!("{pod} could not be asked: {why}"))),
        }
        if let Ok(text) = &replica.metrics {
            lines.extend(certificate(pod, text, facts.now));
        }
    }
    lines
}

/// The certificate that a replica serves.
fn certificate(pod: &str, metrics: &str, now: Timestamp) -> Option<Line> {
    const NAME: &str = "served certificate";
    let seconds = sum(metrics, "netintent_certificate_expiry_timestamp_seconds")?;
    #[expect(clippy::cast_possible_truncation, reason = "a time in this millennium")]
    let end = Timestamp::from_second(seconds as i64).ok().filter(|_| seconds > 0.0);
    let Some(end) = end else {
        return Some(Line::bad(NAME, format!("{pod} has none"), "kubectl logs says why"));
    };
    let left = end.duration_since(now);
    let text = format!("{pod}: valid until {end}: {}", in_days(left.as_hours() / 24));
    if left.is_positive() {
        return Some(Line::good(NAME, text));
    }
    Some(Line::bad(NAME, text, "docs/operating.md, NetintentCertificateExpiring"))
}

/// The tag of an image, which may have a digest behind it, and a port in its registry's name.
fn tag(image: &str) -> Option<&str> {
    let named = image.split_once('@').map_or(image, |(named, _)| named);
    let name = named.rsplit_once('/').map_or(named, |(_, name)| name);
    Some(name.split_once(':')?.1)
}

/// The sum of a metric's samples; `None` where there is none.
fn sum(metrics: &str, name: &str) -> Option<f64> {
    let values: Vec<f64> = samples(metrics, name).map(|(_, value)| value).collect();
    (!values.is_empty()).then(|| values.iter().sum())
}

/// The samples of a metric, each with its labels as they are written.
fn samples<'m>(metrics: &'m str, name: &'m str) -> impl Iterator<Item = (&'m str, f64)> {
    metrics.lines().filter_map(move |line| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => rest.rsplit_once("} ")?,
            None => ("", rest.strip_prefix(' ')?),
        };
        Some((labels, value.split(' ').next()?.parse().ok()?))
    })
}

/// The versions of the replicas that say theirs; of the images otherwise.
pub(super) fn versions(facts: &Facts) -> Vec<String> {
    let told = facts.replicas.iter().filter_map(|replica| replica.metrics.as_ref().ok());
    let mut all: Vec<String> = told
        .flat_map(|metrics| samples(metrics, "netintent_build_info"))
        .filter_map(|(labels, _)| Some(labels.split_once("version=\"")?.1.split_once('"')?.0.to_owned()))
        .collect();
    if all.is_empty()
        && let Answer::Is(deployment) = &facts.deployment
        && let Some(tag) = tag(image(deployment))
    {
        all.push(tag.trim_start_matches('v').to_owned());
    }
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::super::line::State;
    use super::super::tests::facts;
    use super::*;
    use crate::cluster::status::Replica;

    #[test]
    fn replicas_that_are_not_ready_are_not_as_they_should_be() {
        let mut facts = facts();
        assert_eq!(deployment(&facts).text, "2 of 2 are ready, ghcr.io/netintent/netintent-webhook:v0.1.0");
        if let Answer::Is(deployment) = &mut facts.deployment {
            deployment["status"]["readyReplicas"] = Value::Null;
        }
        assert_eq!((deployment(&facts).state, &deployment(&facts).text[..15]), (State::Bad, "0 of 2 are read"));
        facts.deployment = Answer::Unread("no".to_owned());
        assert_eq!(deployment(&facts).state, State::Unknown);
    }

    #[test]
    fn who_leads_renews() {
        let mut facts = facts();
        assert_eq!(leader(&facts).text, "netintent-1, renewed 10 s ago");
        let later = Facts { now: "2026-11-26T12:01:00Z".parse().unwrap(), ..facts.clone() };
        assert_eq!(leader(&later).state, State::Bad);
        if let Answer::Is(lease) = &mut facts.lease {
            lease["spec"]["holderIdentity"] = "".into();
        }
        assert_eq!(leader(&facts).text, "no replica leads");
        facts.lease = Answer::Missing;
        assert_eq!(leader(&facts).state, State::Bad);
    }

    #[test]
    fn an_answer_is_one_of_the_webhook() {
        let mut facts = facts();
        let mut of = |probe: Probe| {
            facts.probe = probe;
            answers(&facts).state
        };
        let refused = |text: &str| Probe::Refused(text.to_owned());
        assert_eq!(of(Probe::Taken), State::Good);
        let down = "Internal error occurred: failed calling webhook \"guard.netintent.dev\": connection refused";
        assert_eq!(of(refused(down)), State::Bad);
        assert_eq!(of(refused("failed calling webhook \"other.example\": x")), State::Unknown);
        assert_eq!(of(refused("admission webhook \"guard.netintent.dev\" denied the request: x")), State::Good);
        assert_eq!(of(refused("pods is forbidden: User \"a\" cannot create")), State::Unknown);
        facts.probe = Probe::Taken;
        facts.validating = Answer::Unread("no".to_owned());
        assert_eq!(answers(&facts).state, State::Unknown);
        facts.validating = Answer::Missing;
        assert_eq!(answers(&facts).state, State::Bad);
    }

    #[test]
    fn whom_nobody_is_asked_about_gets_no_answer() {
        let mut facts = facts();
        facts.passes = true;
        assert_eq!(answers(&facts).state, State::Unknown);
        facts.passes = false;
        assert_eq!(answers(&facts).state, State::Good);
        // Whoever has it asked about less may have it not asked at all.
        if let Answer::Is(configuration) = &mut facts.validating {
            configuration["webhooks"][3]["objectSelector"] = serde_json::json!({"matchLabels": {"a": "b"}});
        }
        assert_eq!(answers(&facts).state, State::Unknown);
        if let Answer::Is(configuration) = &mut facts.validating {
            configuration["webhooks"][3]["failurePolicy"] = "Ignore".into();
        }
        assert_eq!(answers(&facts).state, State::Bad);
    }

    #[test]
    fn a_tag_is_what_it_is() {
        for (image, expected) in [
            ("ghcr.io/netintent/netintent-webhook:v0.1.0", Some("v0.1.0")),
            ("r.example:5000/a/b:1@sha256:0123", Some("1")),
            ("r.example:5000/a/b", None),
            ("a@sha256:0123", None),
        ] {
            assert_eq!(tag(image), expected, "{image}");
        }
    }

    #[test]
    fn what_replicas_say_is_read() {
        let mut facts = facts();
        let metrics = "netintent_certificate_expiry_timestamp_seconds 1798000000.0\nnetintent_build_info{version=\"0.1.0\"} 1\n\
            netintent_controller_leader 1\n";
        let ready = "ok; not confirmed by the API server: Pod for 12 s; what was known last holds".to_owned();
        facts.replicas = vec![
            Replica { pod: "a".to_owned(), ready: Ok(ready), metrics: Ok(metrics.to_owned()) },
            Replica { pod: "b".to_owned(), ready: Ok("no certificate yet".to_owned()), metrics: Err("no".to_owned()) },
            Replica { pod: "c".to_owned(), ready: Err("dial".to_owned()), metrics: Err("dial".to_owned()) },
        ];
        let states: Vec<State> = replicas(&facts).iter().map(|line| line.state).collect();
        assert_eq!(states, [State::Good, State::Good, State::Bad, State::Told]);
        assert_eq!(versions(&facts), ["0.1.0"]);
        facts.replicas.clear();
        assert_eq!(versions(&facts), ["0.1.0"]);
    }
}
