//! What one approval takes in a large cluster whose controller runs: until the pods of its callers have their labels, in
//! requests, and that no other pod is touched.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use kube::core::WatchEvent;
use netintent_tests::{Installed, User, runtime};
use serde_json::{Value, json};

use crate::Result;
use crate::creation::create_all;
use crate::objects::{pod, reserved};
use crate::report::{line, times};
use crate::round::{counted, leads};

const CALLERS: &str = "measured-callers";
const CALLEES: &str = "measured-callees";
/// How many pods a caller has.
const REPLICAS: usize = 3;
/// How many callers are approved, one after the other.
const APPROVALS: usize = 50;
/// How many approvals expire, one a second.
const EXPIRIES: usize = 10;
/// How long the label of a pod may take.
const PATIENCE: Duration = Duration::from_mins(3);

/// Fills the cluster up to so many pods, and measures.
pub(crate) fn measure(installed: &Installed, pods: usize) -> Result {
    let admin = installed.admin();
    let callers = fill(installed, pods)?;
    let before = versions(admin)?;
    line(&format!(
        "\n{} pods, of which {} are of {} callers that nobody has approved",
        before.len(),
        callers * REPLICAS,
        callers
    ));
    let mut watch = Watch::start(admin)?;
    let approvals = APPROVALS.min(callers);

    let mut mark = Mark::set(installed)?;
    let took: Result<Vec<Duration>> = (0..approvals)
        .map(|number| {
            let sent = Instant::now();
            approve(admin, number, None)?;
            Ok(watch.until(&[caller(number)], true)?.at.duration_since(sent))
        })
        .collect();
    times("an approval, until its caller's 3 pods have the label", took?);
    mark.tell("the approvals", approvals * REPLICAS)?;

    let took: Result<Vec<Duration>> = (0..approvals)
        .map(|number| {
            let path = announce(installed, number)?;
            let sent = Instant::now();
            gone(admin, &path)?;
            Ok(watch.until(&[caller(number)], false)?.at.duration_since(sent))
        })
        .collect();
    times("a revocation, until they have it no more", took?);
    mark.tell("the revocations", approvals * REPLICAS)?;

    let first = Timestamp::now() + SignedDuration::from_secs(5);
    let at = |number: usize| format!("{:.0}", first + SignedDuration::from_secs(number.try_into().unwrap_or_default()));
    (0..EXPIRIES).try_for_each(|number| approve(admin, number, Some(&at(number))))?;
    let expiring: Vec<String> = (0..EXPIRIES).map(caller).collect();
    watch.until(&expiring, true)?;
    let late: Result<Vec<Duration>> = (0..EXPIRIES)
        .map(|number| {
            let ends: Timestamp = at(number).parse()?;
            Ok(Duration::try_from(watch.until(&[caller(number)], false)?.clock.duration_since(ends))?)
        })
        .collect();
    times("an approval expires, until they have it no more", late?);
    mark.tell("the expiries", 2 * EXPIRIES * REPLICAS)?;

    // Only pods that were approved have another version than before.
    let touched: Vec<String> = (0..approvals.max(EXPIRIES)).map(caller).collect();
    for (name, version) in &versions(admin)? {
        let is_meant = touched.iter().any(|caller| name.starts_with(&format!("{CALLERS}/{caller}-")));
        if (before.get(name) != Some(version)) != is_meant {
            return Err(format!("{name}: touched or not, and should be otherwise").into());
        }
    }
    line("no other pod was touched");

    let all: Vec<String> = (0..callers).map(caller).collect();
    let sent = Instant::now();
    let object = approval("all", &format!("{CALLERS}/*"), None);
    create_all(admin, [&object])?;
    let took = watch.until(&all, true)?.at.duration_since(sent);
    let count = u32::try_from(callers * REPLICAS)?;
    line(&format!(
        "one approval for {count} pods: all have their label after {:.1} s, {:.0} a second",
        took.as_secs_f64(),
        f64::from(count) / took.as_secs_f64()
    ));
    mark.tell("the wide approval", callers * REPLICAS)?;
    handover(installed)
}

/// Creates what is measured: callers of a callee that has approved nobody, as their `ReplicaSets` would. Returns how many.
fn fill(installed: &Installed, pods: usize) -> Result<usize> {
    let admin = installed.admin();
    installed.namespace(CALLERS, "enforce")?;
    installed.namespace(CALLEES, "enforce")?;
    create_all(
        admin,
        [&json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"namespace": CALLEES, "name": "ledger"},
        "spec": {"selector": {"app": "ledger"}, "ports": [{"name": "rpc", "port": 80}]}})],
    )?;
    let callers = pods.saturating_sub(versions(admin)?.len()).div_ceil(REPLICAS);
    let (mut owners, mut objects) = (Vec::new(), Vec::new());
    for number in 0..callers {
        let name = caller(number);
        let template = json!({"metadata": {"labels": {"app": name, "pod-template-hash": "5c6d"},
                "annotations": {"netintent.dev/calls": format!("{CALLEES}/ledger:rpc")}},
            "spec": {"containers": [{"name": "main", "image": "example.invalid/none"}]}});
        let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"namespace": CALLERS,
                "name": format!("{name}-5c6d"), "labels": template["metadata"]["labels"]},
            "spec": {"replicas": REPLICAS, "selector": {"matchLabels": template["metadata"]["labels"]},
                "template": {"metadata": {"labels": template["metadata"]["labels"]}, "spec": template["spec"]}}});
        objects.extend((0..REPLICAS).map(|replica| pod(&owner, &template, replica)));
        owners.push(owner);
    }
    create_all(admin, &owners)?;
    let (times, replies) = create_all(admin, &objects)?;
    if replies.iter().any(|reply| !reserved(&reply.body).is_empty()) {
        return Err("a pod has a label that nobody has approved".into());
    }
    line(&format!(
        "{} pods of controllers whose intent is refused, with a warning: {:.1} s, half within {:.1} ms, 99 % {:.1} ms",
        times.count(),
        times.whole.as_secs_f64(),
        times.percentile(50).as_secs_f64() * 1e3,
        times.percentile(99).as_secs_f64() * 1e3
    ));
    Ok(callers)
}

fn caller(number: usize) -> String {
    format!("caller-{number:03}")
}

fn approval(name: &str, callers: &str, ends: Option<&str>) -> Value {
    json!({"apiVersion": "netintent.dev/v1alpha1", "kind": "Approval", "metadata": {"namespace": CALLEES, "name": name},
        "spec": {"callers": [callers], "callees": ["ledger:rpc"], "expiresAt": ends}})
}

fn approve(admin: &User, number: usize, ends: Option<&str>) -> Result {
    let name = caller(number);
    // One that expires has another name, since the one before may not be forgotten by all.
    let approval =
        approval(&ends.map_or(name.clone(), |_| format!("{name}.short")), &format!("{CALLERS}/{name}"), ends);
    create_all(admin, [&approval]).map(drop)
}

/// Says why an approval goes, and gives its path.
///
/// The API server asks about a deletion by what its cache has, and once more where that was old: waits until it is not.
fn announce(installed: &Installed, number: usize) -> Result<String> {
    let admin = installed.admin();
    let path = format!("/apis/netintent.dev/v1alpha1/namespaces/{CALLEES}/approvals/{}", caller(number));
    let why = json!({"metadata": {"annotations": {"netintent.dev/revoked": "a measurement"}}});
    let reply = admin.patch(&path, "merge", &why)?;
    if !reply.is_success() {
        return Err(reply.body.to_string().into());
    }
    installed.until("the API server's cache has it", || {
        let cached = admin.get(&format!("{path}?resourceVersion=0"))?.body;
        Ok(cached.pointer("/metadata/annotations/netintent.dev~1revoked").map(drop))
    })?;
    Ok(path)
}

fn gone(admin: &User, path: &str) -> Result {
    let reply = admin.delete(path)?;
    if reply.is_success() { Ok(()) } else { Err(reply.body.to_string().into()) }
}

/// The resourceVersion of every pod.
fn versions(admin: &User) -> Result<BTreeMap<String, String>> {
    let body = admin.get("/api/v1/pods")?.body;
    let text = |pod: &Value, key: &str| pod["metadata"][key].as_str().unwrap_or_default().to_owned();
    let all = body["items"].as_array().ok_or("no pods")?.iter();
    Ok(all
        .map(|pod| (format!("{}/{}", text(pod, "namespace"), text(pod, "name")), text(pod, "resourceVersion")))
        .collect())
}

/// When a pod was seen to have its label, or to have it no more.
#[derive(Clone, Debug)]
struct Seen {
    name: String,
    has: bool,
    at: Instant,
    clock: Timestamp,
}

/// What a watch of the callers' pods says, in order.
struct Watch {
    news: Receiver<Seen>,
    /// What came before it was asked for.
    seen: Vec<Seen>,
}

impl Watch {
    fn start(admin: &User) -> Result<Self> {
        let path = format!("/api/v1/namespaces/{CALLERS}/pods");
        let list = admin.get(&path)?.body;
        let from = list["metadata"]["resourceVersion"].as_str().ok_or("a list without a version")?;
        let path = format!("{path}?watch=true&timeoutSeconds=3600&resourceVersion={from}");
        let (sender, news) = channel();
        runtime()?.spawn(follow(admin.client().clone(), path, sender));
        Ok(Self { news, seen: Vec::new() })
    }

    /// Waits until all pods of these callers have the label, or have it no more; returns what came last of it.
    fn until(&mut self, callers: &[String], has: bool) -> Result<Seen> {
        let of =
            |seen: &Seen| seen.has == has && callers.iter().any(|caller| seen.name.starts_with(&format!("{caller}-")));
        let wanted = callers.len() * REPLICAS;
        while self.seen.iter().filter(|seen| of(seen)).count() < wanted {
            self.seen.push(self.news.recv_timeout(PATIENCE).map_err(|error| format!("{callers:?}: {error}"))?);
        }
        let last = self.seen.iter().filter(|seen| of(seen)).max_by_key(|seen| seen.at).cloned();
        self.seen.retain(|seen| !of(seen));
        last.ok_or_else(|| "nobody was asked for".into())
    }
}

async fn follow(client: kube::Client, path: String, sender: Sender<Seen>) -> std::result::Result<(), kube::Error> {
    let request = http::Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
    let mut events = std::pin::pin!(client.request_events::<Value>(request).await?);
    while let Some(event) = events.next().await {
        let (at, clock) = (Instant::now(), Timestamp::now());
        if let WatchEvent::Modified(pod) = event? {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            let seen = Seen { name, has: !reserved(&pod).is_empty(), at, clock };
            if sender.send(seen).is_err() {
                break;
            }
        }
    }
    Ok(())
}

/// How much netintent had asked at a moment.
struct Mark<'i> {
    installed: &'i Installed,
    before: BTreeMap<String, usize>,
}

impl<'i> Mark<'i> {
    fn set(installed: &'i Installed) -> Result<Self> {
        Ok(Self { installed, before: asked(installed)? })
    }

    /// Prints what netintent has asked for since, besides its upkeep; there were to be so many changes of pods. A replica that
    /// does not know yet what the leader knows reads it before it decides: that is the rest.
    fn tell(&mut self, what: &str, patches: usize) -> Result {
        let key = "patch pods/status".to_owned();
        let since = |now: &BTreeMap<String, usize>, key: &String| {
            now.get(key).copied().unwrap_or_default() - self.before.get(key).copied().unwrap_or_default()
        };
        // What an answer was given for is written down a moment after.
        let now = self.installed.until("what was done is written down", || {
            let now = asked(self.installed)?;
            Ok((since(&now, &key) >= patches).then_some(now))
        })?;
        let others: usize = now.keys().filter(|other| **other != key).map(|other| since(&now, other)).sum();
        line(&format!(
            "  requests of netintent for {what}, of {patches} pods: {} patches of pods/status, {others} others, Events apart",
            since(&now, &key)
        ));
        self.before = now;
        Ok(())
    }
}

/// What netintent has asked for, without the watches and the Lease, which go on whatever happens.
fn asked(installed: &Installed) -> std::result::Result<BTreeMap<String, usize>, netintent_tests::Error> {
    let all = installed.plane().requests()?;
    Ok(counted(all.iter().filter(|call| !call.is_upkeep() && !call.tells())))
}

/// The leader ends, and the other looks at everything.
fn handover(installed: &Installed) -> Result {
    let leader = leads(installed)?;
    let (leaves, comes) = (&installed.replicas()[leader], &installed.replicas()[1 - leader]);
    let began = Instant::now();
    leaves.signal("TERM")?;
    let looked = installed.until("the other replica leads", || {
        Ok(comes.log()?.lines().find(|line| line.contains("everything was looked at")).map(str::to_owned))
    })?;
    let took = began.elapsed().as_secs_f64();
    let (_, fields) = looked.split_once("everything was looked at").unwrap_or_default();
    line(&format!("the leader is told to end; after {took:.1} s the other has looked at everything:{fields}"));
    Ok(())
}
