//! What the conditions of the webhooks and policies cost the API server on requests that do not concern us: a measurement,
//! not a test of anything.
//!
//! ```text
//! cargo build -p netintent-webhook && cargo bench --profile dev -p netintent-tests --bench conditions
//! ```
//!
//! Two control planes run at once, one with netintent and one without. The same object lies in both and gets the same
//! patches, in turns, so that a machine that is busy for a while slows both. A time is that of the whole request, transfer
//! included, and a pair's difference is what netintent costs.

use std::time::Instant;

use netintent_tests::{ControlPlane, Installed, Options, User};
use serde_json::{Value, json};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// How many pairs of patches there are, after [`WARM`] that do not count.
const PAIRS: usize = 60;
const WARM: usize = 10;
const NAMESPACE: &str = "measured";

/// So many labels.
fn labels(count: usize) -> Value {
    (0..count).map(|number| (format!("example.com/label-{number:05}"), Value::from("value"))).collect()
}

fn pod(name: &str, count: usize) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels(count)},
        "spec": {"containers": [{"name": "main", "image": "example.invalid/none"}]}})
}

fn deployment() -> Value {
    let mut labels = labels(1_000);
    labels["app"] = "many".into();
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "many"},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "many"}}, "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "main", "image": "example.invalid/none"}]}}}})
}

fn milliseconds(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2] * 1e3
}

/// Sends the patches to both by turns, and prints what they took.
#[expect(clippy::print_stdout, reason = "figures are what it is for")]
fn measure(what: &str, users: [&User; 2], path: &str, patch: impl Fn(usize) -> Value) -> Result {
    let (mut times, mut differences, mut ratios) = ([Vec::new(), Vec::new()], Vec::new(), Vec::new());
    for round in 0..WARM + PAIRS {
        let mut pair = [0.0; 2];
        // The first of a pair by turns, too.
        for at in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            let began = Instant::now();
            let reply = users[at].patch(path, "merge", &patch(round))?;
            pair[at] = began.elapsed().as_secs_f64();
            assert!(reply.is_success(), "{}", reply.message());
        }
        if round >= WARM {
            times.iter_mut().zip(pair).for_each(|(all, time)| all.push(time));
            differences.push(pair[0] - pair[1]);
            ratios.push(pair[0] / pair[1] / 1e3);
        }
    }
    let [with, without] = times.map(milliseconds);
    let (difference, ratio) = (milliseconds(differences), milliseconds(ratios));
    println!(
        "{what}: {with:.1} ms with netintent, {without:.1} ms without: {difference:+.1} ms, {ratio:.2} times as long"
    );
    Ok(())
}

fn main() -> Result {
    let with = Installed::start()?;
    let without = ControlPlane::start_with(&Options { controllers: true, ..Options::default() })?;
    let (ours, other) = (with.admin(), without.administrator()?);
    with.namespace(NAMESPACE, "enforce")?;
    without.namespace(NAMESPACE)?;
    let (pods, deployments) =
        (format!("/api/v1/namespaces/{NAMESPACE}/pods"), format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments"));
    for user in [ours, &other] {
        for (path, object) in [(&pods, pod("few", 10)), (&pods, pod("many", 10_000)), (&deployments, deployment())] {
            let reply = user.post(path, &object)?;
            assert!(reply.is_success(), "{}", reply.message());
        }
    }
    // Its ReplicaSet is made, and nothing more comes of it.
    with.until("the Deployment is observed", || {
        let reply = ours.get(&format!("{deployments}/many"))?;
        Ok((reply.body["status"]["observedGeneration"] == 1).then_some(()))
    })?;
    let asked = || with.webhook().counted("admissions", "");
    let before = asked()?;
    let users = [ours, &other];
    let condition = |round| json!({"status": {"conditions": [{"type": "Ready", "status": "False", "reason": format!("R{round}")}]}});
    measure("a pod of 10 labels, its status", users, &format!("{pods}/few/status"), condition)?;
    measure("a pod of 10,000 labels, its status", users, &format!("{pods}/many/status"), condition)?;
    measure(
        "a pod of 10,000 labels, an annotation",
        users,
        &format!("{pods}/many"),
        |round| json!({"metadata": {"annotations": {"example.com/round": round.to_string()}}}),
    )?;
    measure(
        "a Deployment of 1,000 labels, a label of its own",
        users,
        &format!("{deployments}/many"),
        |round| json!({"metadata": {"labels": {"example.com/round": round.to_string()}}}),
    )?;
    assert_eq!(asked()?, before, "nobody asked about them");
    Ok(())
}
