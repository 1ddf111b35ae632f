//! Made-up histories, each of which breaks one rule, and is right but for that.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Limits, Own, Report, check};
use crate::history::{Event, History};
use crate::objects::{approval, service};

const LIMITS: Limits =
    Limits { written: Duration::from_secs(2), deleted: Duration::from_secs(1), amiss: Duration::from_secs(10) };
const LABEL: &str = "ledger.a-bank.to.netintent.dev/rpc";

/// A history under way: an enforced callee, and a caller that declares it.
struct Story {
    events: Vec<Event>,
    at: f64,
}

fn placed(kind: &'static str, object: &Value) -> (&'static str, (String, String)) {
    (kind, crate::expected::key(object))
}

impl Story {
    fn new() -> Self {
        let mut story = Self { events: Vec::new(), at: 0.0 };
        for (name, mode) in [("a-shop", "shadow"), ("a-bank", "enforce")] {
            story.put("Namespace", &namespace(name, mode));
        }
        story.put("Service", &service("a-bank", "ledger"));
        story
    }

    /// Lets time pass.
    fn wait(&mut self, seconds: f64) -> &mut Self {
        self.at += seconds;
        self
    }

    fn event(&mut self, kind: &'static str, key: (String, String), object: Option<Value>) {
        self.at += 0.01;
        let version = self.events.len() as u64 + 1;
        self.events.push(Event { version, at: Duration::from_secs_f64(self.at), kind, key, object });
    }

    fn put(&mut self, kind: &'static str, object: &Value) -> &mut Self {
        let (kind, key) = placed(kind, object);
        self.event(kind, key, Some(object.clone()));
        self
    }

    fn delete(&mut self, kind: &'static str, object: &Value) -> &mut Self {
        let (kind, key) = placed(kind, object);
        self.event(kind, key, None);
        self
    }

    /// Somebody leads for so long.
    fn leads(&mut self, seconds: u32) -> &mut Self {
        for _ in 0..seconds {
            let lease = json!({"metadata": {"namespace": "netintent-system", "name": "netintent"},
                "spec": {"holderIdentity": "host_1_a"}});
            self.put("Lease", &lease).wait(0.99);
        }
        self
    }

    /// The policies as they should be.
    fn closed(&mut self) -> &mut Self {
        self.put("NetworkPolicy", &policy("netintent-ledger")).put("NetworkPolicy", &policy("netintent"))
    }

    fn check(&self, own: &Own) -> Report {
        let began = "2026-01-01T00:00:00Z".parse().unwrap();
        check(&History::new(began, self.events.clone()), "a-", own, &LIMITS).unwrap()
    }

    /// What is wrong with it.
    fn wrong(&self) -> Vec<String> {
        self.check(&Own::default()).violations.into_iter().map(|violation| violation.what).collect()
    }

    fn is_right(&self) {
        assert_eq!(self.wrong(), [""; 0]);
    }

    /// It is wrong once, and so.
    fn is_wrong(&self, how: &str) {
        let wrong = self.wrong();
        assert!(wrong.len() == 1 && wrong[0].contains(how), "{how}: {wrong:#?}");
    }
}

fn namespace(name: &str, mode: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name, "netintent.dev/mode": mode}}})
}

fn pod(uid: &str, labels: &[&str]) -> Value {
    let labels: serde_json::Map<String, Value> =
        labels.iter().map(|key| ((*key).to_owned(), "allowed".into())).collect();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "a-shop", "name": "web", "uid": uid,
        "labels": labels, "annotations": {"netintent.dev/calls": "a-bank/ledger:rpc"}},
        "spec": {"containers": [{"name": "a", "image": "a"}]}})
}

fn approved() -> Value {
    approval("a-bank", "all", &["a-shop/*"], &["ledger:rpc"])
}

/// A policy as the library gives it.
fn policy(name: &str) -> Value {
    use crate::expected::{Expected, read};
    use k8s_openapi::api::networking::v1::NetworkPolicy;
    let objects = [namespace("a-bank", "enforce"), service("a-bank", "ledger")];
    let objects = objects.iter().filter_map(|object| read(object).unwrap());
    let expected = Expected::of(objects, jiff::Timestamp::UNIX_EPOCH);
    let policy = &expected.policies[&("a-bank".to_owned(), name.to_owned())];
    let mut object = serde_json::to_value(NetworkPolicy::from(policy)).unwrap();
    object["metadata"]["uid"] = format!("uid of {name}").into();
    object
}

fn open(name: &str) -> Value {
    let mut object = policy(name);
    object["spec"]["ingress"] = json!([{}]);
    object
}

#[test]
fn a_history_in_which_all_is_right() {
    let mut story = Story::new();
    story.closed().put("Pod", &pod("1", &[])).put("Approval", &approved()).wait(1.0).put("Pod", &pod("1", &[LABEL]));
    story.delete("Approval", &approved()).wait(1.0).put("Pod", &pod("1", &[])).leads(20);
    story.is_right();
    let report = story.check(&Own::default());
    let counted = (report.versions, report.changes, report.gains, report.losses, report.written, report.deleted);
    assert_eq!(counted, (10, 5, 1, 1, 2, 0));
}

#[test]
fn a_label_without_a_right_to_it_is_wrong() {
    let mut story = Story::new();
    story.put("Pod", &pod("1", &[LABEL]));
    story.is_wrong("pod a-shop/web gained ledger.a-bank.to.netintent.dev/rpc=allowed, to which it had no right");
    // The same of a pod that is another one of the name.
    let mut story = Story::new();
    story.put("Approval", &approved()).put("Pod", &pod("1", &[LABEL])).delete("Approval", &approved()).wait(3.0);
    story.put("Pod", &pod("1", &[LABEL]));
    story.is_right();
    story.put("Pod", &pod("2", &[LABEL]));
    story.is_wrong("gained");
}

#[test]
fn a_label_that_is_lost_with_a_right_to_it_is_wrong() {
    let mut story = Story::new();
    story.put("Approval", &approved()).put("Pod", &pod("1", &[LABEL])).wait(5.0).put("Pod", &pod("1", &[]));
    story.is_wrong("pod a-shop/web lost ledger.a-bank.to.netintent.dev/rpc=allowed, to which it had a right");
    // For a moment there was none.
    let mut story = Story::new();
    story.put("Approval", &approved()).put("Pod", &pod("1", &[LABEL])).delete("Approval", &approved());
    story.put("Approval", &approved()).put("Pod", &pod("1", &[]));
    story.is_right();
}

/// A right that is gone may be written of for a moment, and one that is only to come never.
#[test]
fn a_label_is_written_by_what_is_within_reach() {
    for (seconds, is_right) in [(1.5, true), (2.5, false)] {
        let mut story = Story::new();
        story.put("Pod", &pod("1", &[])).put("Approval", &approved()).wait(9.0).delete("Approval", &approved());
        story.wait(seconds).put("Pod", &pod("1", &[LABEL]));
        if is_right { story.is_right() } else { story.is_wrong("gained") }
    }
    let mut story = Story::new();
    story.put("Pod", &pod("1", &[LABEL])).put("Approval", &approved());
    story.is_wrong("gained");
}

#[test]
fn a_right_that_ends_by_itself_is_gone() {
    for (seconds, is_right) in [(6.0, true), (9.0, false)] {
        let mut short = approved();
        short["spec"]["expiresAt"] = "2026-01-01T00:00:05Z".into();
        let mut story = Story::new();
        story.put("Pod", &pod("1", &[])).put("Approval", &short).wait(seconds).put("Pod", &pod("1", &[LABEL]));
        if is_right { story.is_right() } else { story.is_wrong("gained") }
    }
}

#[test]
fn a_mode_that_takes_no_part_gives_nothing() {
    let mut story = Story::new();
    story.put("Approval", &approved()).put("Namespace", &namespace("a-shop", "off")).wait(5.0);
    story.put("Pod", &pod("1", &[LABEL]));
    story.is_wrong("gained");
}

#[test]
fn a_label_that_stays_is_wrong_only_while_somebody_leads() {
    let mut story = Story::new();
    story
        .closed()
        .put("Approval", &approved())
        .put("Pod", &pod("1", &[LABEL]))
        .delete("Approval", &approved())
        .wait(60.0);
    story.is_right();
    story.leads(9);
    story.is_right();
    story.leads(9);
    story.is_wrong("had ledger.a-bank.to.netintent.dev/rpc=allowed without a right to it for");
}

#[test]
fn a_wanted_policy_that_is_deleted_is_wrong() {
    let mut story = Story::new();
    story.closed().wait(5.0).delete("NetworkPolicy", &policy("netintent-ledger"));
    story.is_wrong("policy a-bank/netintent-ledger was deleted, though it was wanted");
    // Unless the test itself did it.
    let own = Own { deleted: ["uid of netintent-ledger".to_owned()].into(), ..Own::default() };
    assert!(story.check(&own).violations.is_empty());
    // And then it has to come back.
    story.leads(12);
    let wrong = story.check(&own).violations;
    assert!(wrong.len() == 1 && wrong[0].what.contains("netintent-ledger was missing for"), "{wrong:?}");
}

#[test]
fn a_policy_that_nothing_wants_goes() {
    let mut story = Story::new();
    story.closed().wait(5.0).delete("Service", &service("a-bank", "ledger")).wait(0.5);
    story.delete("NetworkPolicy", &policy("netintent-ledger")).leads(12);
    story.is_right();
    // The Service is back, and has been for longer than whoever deletes may not know it.
    let mut story = Story::new();
    story.closed().wait(5.0).delete("Service", &service("a-bank", "ledger")).wait(0.5);
    story.put("Service", &service("a-bank", "ledger")).wait(1.5).delete("NetworkPolicy", &policy("netintent-ledger"));
    story.is_wrong("though it was wanted");
    let mut story = Story::new();
    story.closed().wait(5.0).delete("Service", &service("a-bank", "ledger")).leads(12);
    story.is_wrong("policy a-bank/netintent-ledger was too much for");
}

#[test]
fn a_policy_that_is_not_as_it_should_be_is_wrong() {
    let mut story = Story::new();
    story.closed().wait(5.0).put("NetworkPolicy", &open("netintent-ledger"));
    story.is_wrong("policy a-bank/netintent-ledger was written as it was never wanted");
    let own = Own { versions: [6].into(), ..Own::default() };
    assert!(story.check(&own).violations.is_empty());
    story.leads(12);
    let wrong = story.check(&own).violations;
    assert!(wrong.len() == 1 && wrong[0].what.contains("said something else for"), "{wrong:?}");
    // What says nothing else is nobody's matter.
    let mut story = Story::new();
    let mut noted = policy("netintent-ledger");
    noted["metadata"]["annotations"]["team"] = "a".into();
    story.closed().wait(5.0).put("NetworkPolicy", &noted).leads(12);
    story.is_right();
}

/// What is heard of late had happened before what came after it.
#[test]
fn the_order_is_that_of_versions() {
    let mut story = Story::new();
    story.put("Pod", &pod("1", &[])).put("Approval", &approved()).put("Pod", &pod("1", &[LABEL]));
    for event in &mut story.events {
        event.at += if event.kind == "Approval" { Duration::from_secs(9) } else { Duration::ZERO };
    }
    story.events.reverse();
    story.is_right();
}

/// Whoever takes the Lease and is no replica does not lead.
#[test]
fn who_leads_is_told_by_the_lease() {
    let mut story = Story::new();
    story.leads(3).wait(30.0).leads(3);
    let thief = json!({"metadata": {"namespace": "netintent-system", "name": "netintent"},
        "spec": {"holderIdentity": "thief"}});
    story.put("Lease", &thief);
    let history = History::new(jiff::Timestamp::UNIX_EPOCH, story.events);
    let led: Vec<u64> = history.led().iter().map(|(from, to)| to.saturating_sub(*from).as_secs()).collect();
    assert_eq!(led, [2, 2]);
}
