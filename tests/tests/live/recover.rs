//! The night when every replica of the webhook is gone: `recover` gets new pods to their approved callees, nobody else can use
//! the same way, and afterwards all is as it was. One control plane for all of it, since each part begins where the last ends.

mod hostile;
mod left;
mod oncall;
mod waits;

use std::io::Write as _;
use std::time::Instant;

use netintent_tests::expected::reserved;
use netintent_tests::objects::{approval, create, path};
use netintent_tests::{Error, Installation, Installed};
use serde_json::{Value, json};

use crate::Result;
use crate::plugin::{Said, netintent, until_said, workload};

const PAGE: &str = include_str!("../../../docs/recovery.md");
const KINDS: [&str; 2] = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];
const LABEL: &str = "ledger.bank.to.netintent.dev/rpc";
/// Who may call the ledger, and who may not.
const CALL: [&str; 3] = ["explain", "shop/web", "bank/ledger:rpc"];
const STRANGER: [&str; 3] = ["explain", "evil/web", "bank/ledger:rpc"];

/// A cluster in which the shop calls the ledger, and somebody has everything in a namespace of their own.
struct Night {
    installed: Installed,
    /// The registrations as they were.
    before: Vec<Value>,
}

impl Night {
    fn begin() -> Result<Self> {
        let wanted = Installation { replicas: 2, balanced: true, controller: true, ..Installation::default() };
        let installed = Installed::start_with(&wanted)?;
        let kubectl = installed.admin().kubectl();
        for namespace in ["shop", "bank", "evil"] {
            installed.namespace(namespace, "enforce")?;
        }
        create(installed.admin(), &approval("bank", "web", &["shop/web"], &["ledger:rpc"]))?;
        for callee in ["ledger", "cards"] {
            kubectl.pipe(["apply", "-f", "-"], &workload("bank", callee, ""))?;
        }
        kubectl.pipe(["apply", "-f", "-"], &workload("shop", "web", "bank/ledger:rpc"))?;
        kubectl.pipe(["apply", "-f", "-"], &workload("evil", "web", ""))?;
        until_said(&installed, kubectl, &CALL, |said| said.status == Some(0))?;
        until_said(&installed, kubectl, &STRANGER, |said| said.status == Some(1))?;
        let before = registrations(&installed)?;
        Ok(Self { installed, before })
    }

    /// What the administrator is told.
    fn said(&self, args: &[&str]) -> std::result::Result<Said, Error> {
        netintent(self.installed.admin().kubectl(), args)
    }

    /// The same where it must be done.
    fn done(&self, args: &[&str]) -> Result<Said> {
        let said = self.said(args)?;
        if said.status == Some(0) { Ok(said) } else { Err(format!("{args:?}: {said:?}").into()) }
    }

    /// Has the shop run so many pods, and waits until it does.
    fn scale(&self, count: usize) -> Result<Vec<Value>> {
        let replicas = json!({"spec": {"replicas": count}});
        let web = format!("{}/web", path("Deployment", "shop"));
        netintent_tests::objects::merge(self.installed.admin(), &web, &replicas)?;
        Ok(self.installed.until(&format!("the shop runs {count} pods"), || {
            let pods = pods(&self.installed, "shop")?;
            Ok((pods.len() == count).then_some(pods))
        })?)
    }

    /// What recover says is open, by the failure policies and by itself.
    fn is_as_before(&self) -> std::result::Result<bool, Error> {
        let policies = self.installed.admin().kubectl().text(["get", "networkpolicies", "-A", "-o", "name"])?;
        Ok(registrations(&self.installed)? == self.before && !policies.contains("netintent.recover."))
    }
}

/// Both configurations, without what differs from one write to the next.
fn registrations(installed: &Installed) -> std::result::Result<Vec<Value>, Error> {
    let mut all = Vec::new();
    for kind in KINDS {
        let mut object = installed.admin().get(&registration(kind))?.body;
        for key in ["resourceVersion", "managedFields", "generation"] {
            object["metadata"].as_object_mut().map(|metadata| metadata.remove(key));
        }
        all.push(object);
    }
    Ok(all)
}

fn registration(kind: &str) -> String {
    format!("/apis/admissionregistration.k8s.io/v1/{kind}/netintent")
}

/// The failure policies of all entries, by name.
fn policies(installed: &Installed) -> Result<Vec<(String, String)>> {
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    let all = registrations(installed)?;
    let entries = all.iter().flat_map(|object| object["webhooks"].as_array().into_iter().flatten());
    Ok(entries.map(|entry| (text(entry, "name"), text(entry, "failurePolicy"))).collect())
}

/// The pods of a namespace that nobody has deleted.
fn pods(installed: &Installed, namespace: &str) -> std::result::Result<Vec<Value>, Error> {
    let list = installed.admin().get(&path("Pod", namespace))?.body;
    let all = list["items"].as_array().cloned().unwrap_or_default();
    Ok(all.into_iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).collect())
}

fn labelled(pods: &[Value]) -> usize {
    let has = |pod: &&Value| reserved(pod).contains(&format!("{LABEL}=allowed"));
    pods.iter().filter(has).count()
}

/// A pod that declares this, made by hand.
fn pod(namespace: &str, name: &str, calls: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "annotations": {"netintent.dev/calls": calls}},
        "spec": {"containers": [{"name": "main", "image": "example.invalid/none"}]}})
}

#[test]
fn the_night_when_the_webhook_is_down() -> Result {
    let night = Night::begin()?;
    night.installed.replicas().iter().for_each(netintent_tests::Webhook::kill);
    let refused = night.installed.admin().post(&path("Pod", "shop"), &pod("shop", "new", "bank/ledger:rpc"))?;
    assert!(refused.message().contains("failed calling webhook"), "{refused:?}");
    // Who led has it for some seconds more.
    let json = ["recover", "status", "-o", "json"];
    until_said(&night.installed, night.installed.admin().kubectl(), &json, |said| said.json()["leader"].is_null())?;
    shown_first(&night)?;
    page(&night)?;
    hostile::gains_nothing(&night)?;
    oncall::needs_rights_that_are_named(&night)?;
    waits::closes_what_it_opened(&night)?;
    left::is_named(&night)?;
    comes_back(&night)
}

/// Without a yes, or dry, nothing changes; and what is no use is refused.
fn shown_first(night: &Night) -> Result {
    for args in [&["admit"][..], &["open", "bank/ledger", "--for", "1h"]] {
        let args = [&["recover"], args].concat();
        let unasked = night.said(&args)?;
        assert!(unasked.status == Some(2) && unasked.err.contains("say --yes"), "{unasked:?}");
        for dry in ["--dry-run=client", "--dry-run=server"] {
            let said = night.done(&[&args[..], &[dry]].concat())?;
            assert!(
                said.out.contains("failurePolicy Fail → Ignore") || said.out.contains("everybody may call it"),
                "{said:?}"
            );
        }
    }
    assert!(night.is_as_before()?);
    let undo = night.done(&["recover", "undo", "--yes"])?;
    assert!(undo.err.contains("nothing is open"), "{undo:?}");
    let kubectl = night.installed.admin().kubectl();
    night.installed.namespace("plain", "off")?;
    kubectl.pipe(["apply", "-f", "-"], &workload("plain", "free", ""))?;
    for (service, why) in [("plain/free", "there is nothing to open"), ("bank/none", "there is no Service bank/none")] {
        let said = night.said(&["recover", "open", service, "--for", "1h", "--yes"])?;
        assert!(said.status == Some(2) && said.err.contains(why), "{said:?}");
    }
    // What somebody has written by hand is not guessed at.
    let admin = night.installed.admin();
    let annotate = |text: Value| {
        let patch = json!({"metadata": {"annotations": {"netintent.dev/recover": text}}});
        netintent_tests::objects::merge(admin, &registration(KINDS[1]), &patch)
    };
    annotate(json!("{\"entries\": {\"guard.netintent.dev\": \"Fail\"}}"))?;
    night.done(&["recover", "open", "bank/cards", "--for", "1h", "--yes"])?;
    for (args, shown) in [
        (&["recover"][..], "what is open in ValidatingWebhookConfiguration can't be understood"),
        (&["recover", "admit", "--yes"], ""),
        (&["recover", "undo", "--yes"], "Service bank/cards: nobody may call it any more"),
    ] {
        let said = night.said(args)?;
        assert!(said.status == Some(2) && said.err.contains("can't be understood"), "{said:?}");
        assert!(said.out.contains(shown), "{said:?}");
    }
    let left = kubectl.text(["get", "networkpolicies", "-A", "-o", "name"])?;
    assert!(!left.contains("netintent.recover."), "what can be closed is: {left}");
    annotate(Value::Null)?;
    assert!(night.is_as_before()?);
    // Somebody else's policy has the name.
    let name = netintent::recover::policy::name("ledger");
    let theirs = json!({"kind": "NetworkPolicy", "metadata": {"namespace": "bank", "name": name},
        "spec": {"podSelector": {}}});
    create(admin, &theirs)?;
    let said = night.said(&["recover", "open", "bank/ledger", "--for", "1h", "--yes"])?;
    assert!(said.status == Some(2) && said.err.contains("is there already, and not netintent's"), "{said:?}");
    netintent_tests::objects::delete(admin, &format!("{}/{name}", path("NetworkPolicy", "bank")))?;
    let said = night.said(&["recover", "label", "nowhere", "--yes"])?;
    assert!(said.status == Some(2) && said.err.contains("there is no namespace nowhere"), "{said:?}");
    Ok(())
}

/// The commands of the page, in its order, with what is to be true after each.
fn page(night: &Night) -> Result {
    let block = PAGE.split_once("```text\n").and_then(|(_, rest)| rest.split_once("```")).ok_or("no block")?.0;
    let mut count = 0;
    for line in block.lines() {
        let (command, status) = line.split_once(" # ").ok_or(line)?;
        let command = command.trim();
        let words: Vec<&str> = command.split_whitespace().skip(3).collect();
        let status: i32 = status.trim().parse()?;
        let kubectl = night.installed.admin().kubectl();
        let said = until_said(&night.installed, kubectl, &words, |said| said.status == Some(status))?;
        after(night, &words.join(" "), &said).map_err(|error| format!("after `{command}`: {error}"))?;
        count += 1;
    }
    assert_eq!(count, 10);
    assert!(night.is_as_before()?, "{:#?}", registrations(&night.installed)?);
    Ok(())
}

fn after(night: &Night, command: &str, said: &Said) -> Result {
    let admin = night.installed.admin();
    match command {
        "recover admit --yes" => {
            let mut open: Vec<(String, String)> = policies(&night.installed)?;
            open.retain(|(_, policy)| policy == "Fail");
            assert_eq!(open, [("guard.netintent.dev".to_owned(), "Fail".to_owned())]);
            // The registrations come into effect one after the other.
            night.installed.until("a new pod is let in", || {
                let reply = admin.post(&path("Pod", "shop"), &pod("shop", "probe", "bank/ledger:rpc"))?;
                Ok(reply.is_success().then_some(()))
            })?;
            assert!(admin.delete(&format!("{}/probe", path("Pod", "shop")))?.is_success());
            let pods = night.scale(2)?;
            assert_eq!(labelled(&pods), 1, "the new one has no label: {pods:#?}");
            let explained = night.said(&CALL)?;
            assert_eq!(explained.status, Some(1), "in part: {explained:?}");
            let again = night.done(&["recover", "admit", "--yes"])?;
            assert!(again.err.contains("nothing to do"), "{again:?}");
            // Somebody has forged a label long ago: it goes as well.
            let pod = pods.iter().find(|pod| labelled(std::slice::from_ref(pod)) == 0).ok_or("no pod")?;
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            let forged = r#"{"metadata": {"labels": {"to.netintent.dev/forged": "allowed"}}}"#;
            let groups = ["--as=admin", "--as-group=system:masters", "--as-group=netintent:recover"];
            let patch = ["patch", "pod", "-n", "shop", name, "--type=merge", "-p", forged];
            admin.kubectl().text(patch.iter().chain(&groups))?;
        }
        "recover label shop --dry-run" => {
            for line in [format!("  + {LABEL}\n"), "  - to.netintent.dev/forged\n".to_owned()] {
                assert!(said.out.contains(&line), "{said:?}");
            }
            let asked = night.done(&["recover", "label", "shop", "--dry-run=server"])?;
            assert!(asked.err.contains("dry run: the API server would take it: 1 pod of shop changed"), "{asked:?}");
            assert_eq!(labelled(&pods(&night.installed, "shop")?), 1);
        }
        "recover label shop --yes" => {
            let all = pods(&night.installed, "shop")?;
            assert!(labelled(&all) == 2 && all.iter().all(|pod| reserved(pod).len() == 1), "{all:#?}");
        }
        "recover open bank/ledger --for 2h --yes" => {
            let stranger = night.said(&STRANGER)?;
            assert_eq!(stranger.status, Some(0), "{stranger:?}");
            let state = night.said(&["recover", "status", "-o", "json"])?;
            let json = state.json();
            assert_eq!(
                (state.status, &json["services"][0]["name"], &json["services"][0]["by"]),
                (Some(1), &json!("ledger"), &json!("admin"))
            );
            assert_eq!(json["admission"][0]["open"], json!(["new.derive.netintent.dev"]), "{json:#}");
        }
        "check -n bank" => {
            assert!(
                said.out.contains("recover-open") && said.out.contains("everybody may call Service bank/ledger"),
                "{said:?}"
            );
            let all = night.said(&["check", "-A"])?;
            assert!(all.out.contains("does not wait for the webhook in new.derive.netintent.dev"), "{all:?}");
        }
        "recover undo --yes" => {
            let stranger = night.said(&STRANGER)?;
            assert_eq!(stranger.status, Some(1), "{stranger:?}");
        }
        _ => {}
    }
    Ok(())
}

/// The replicas come back: as long as the API server gets no answer, nothing is undone; then all is, in order.
fn comes_back(night: &Night) -> Result {
    let (installed, admin) = (&night.installed, night.installed.admin());
    night.done(&["recover", "admit", "--yes"])?;
    night.done(&["recover", "open", "bank/ledger", "--for", "2h", "--yes"])?;
    let count = pods(installed, "shop")?.len() + 1;
    // Who applies the manifests meanwhile is told.
    let conflict = installed.trust(&installed.plane().authority().pem()).map_err(|error| error.to_string());
    assert!(conflict.as_ref().is_err_and(|error| error.contains("failurePolicy")), "{conflict:?}");
    let unlabelled = night.scale(count)?;
    assert_eq!(labelled(&unlabelled), count - 1);
    // The API server looks for the webhook where nobody is.
    for (kind, object) in KINDS.iter().zip(&night.before) {
        let entries = object["webhooks"].as_array().map_or(0, Vec::len);
        let patch: Vec<Value> = (0..entries)
            .map(|at| json!({"op": "replace", "path": format!("/webhooks/{at}/clientConfig/url"), "value": "https://127.0.0.1:1/"}))
            .collect();
        assert!(admin.patch(&registration(kind), "json", &patch.into())?.is_success());
    }
    installed.replicas().iter().try_for_each(netintent_tests::Webhook::run)?;
    installed.wait_until_ready()?;
    let logs = || -> String { installed.replicas().iter().filter_map(|replica| replica.log().ok()).collect() };
    installed.until("the controller knows that nobody is answered", || {
        Ok(logs().contains("stays open: the API server gets no answer from the webhook").then_some(()))
    })?;
    // What is over time is closed all the same.
    night.done(&["recover", "open", "bank/cards", "--for", "3s", "--yes"])?;
    installed.until("what is over time is closed", || {
        let left = admin.kubectl().text(["get", "networkpolicies", "-n", "bank", "-o", "name"])?;
        Ok((!left.contains("netintent.recover.cards")).then_some(()))
    })?;
    let said = night.said(&["recover"])?;
    assert!(said.status == Some(1) && said.out.contains("ledger: everybody may call it until"), "{said:?}");
    assert!(said.out.contains("The controller runs"), "{said:?}");
    // The guard is found again, and nothing else yet. Somebody would keep open what everybody may call.
    night.done(&["recover", "open", "bank/cards", "--for", "2h", "--yes"])?;
    let keep = |finalizers: Value| left::finalize(admin, "cards", &finalizers);
    keep(json!(["example.dev/keep"]))?;
    find_again(night, KINDS[1])?;
    for why in ["is not asked as the guard is", "finalizers on it keep it in force"] {
        installed.until(why, || Ok(events(admin)?.contains(why).then_some(())))?;
    }
    let said = night.said(&["recover", "status", "-o", "json"])?;
    assert_eq!(said.json()["admission"][0]["open"], json!(["new.derive.netintent.dev"]), "{said:?}");
    keep(Value::Null)?;
    find_again(night, KINDS[0])?;
    let answered = Instant::now();
    installed.until("all is as it was", || Ok(night.is_as_before()?.then_some(())))?;
    writeln!(std::io::stderr(), "recover: undone {:.1?} after the API server got answers", answered.elapsed())?;
    let all = pods(installed, "shop")?;
    assert!(labelled(&all) == count && all.iter().all(|pod| reserved(pod).len() == 1), "{all:#?}");
    assert_eq!((night.said(&CALL)?.status, night.said(&STRANGER)?.status), (Some(0), Some(1)));
    // Labels first, then what everybody may call, then admission.
    let text = logs();
    let at = |what: &str| text.find(what).ok_or_else(|| format!("`{what}` was not logged:\n{text}"));
    let order = [at("taken=true")?, at("NetworkPolicy bank/netintent.recover.ledger is gone")?, at("recover is over")?];
    assert!(order.is_sorted(), "{order:?}\n{text}");
    let denied: u64 =
        installed.replicas().iter().map(|r| r.counted("admissions", "outcome=\"denied\"").unwrap_or(9)).sum();
    assert_eq!(denied, 0, "that somebody asks whether anybody is there is no forgery");
    installed.until("it is told on what was open", || {
        let events = admin.get(&path("Event", "bank"))?.body;
        let told = events["items"].as_array().into_iter().flatten().any(|event| event["reason"] == "Recovered");
        Ok(told.then_some(()))
    })?;
    // Who applies the manifests again is told of no conflict, and changes nothing.
    installed.trust(&installed.plane().authority().pem())?;
    assert!(night.is_as_before()?);
    let said = night.done(&["recover"])?;
    assert!(said.out.starts_with("Open now\n  nothing\n"), "{said:?}");
    Ok(())
}

/// Has the API server look for the webhook where it is.
fn find_again(night: &Night, kind: &str) -> Result {
    let at = KINDS.iter().position(|of| *of == kind).ok_or(kind)?;
    let webhooks = night.before[at]["webhooks"].as_array().into_iter().flatten().enumerate();
    let patch: Vec<Value> = webhooks
        .map(|(at, entry)| {
            let url = &entry["clientConfig"]["url"];
            json!({"op": "replace", "path": format!("/webhooks/{at}/clientConfig/url"), "value": url})
        })
        .collect();
    assert!(night.installed.admin().patch(&registration(kind), "json", &patch.into())?.is_success());
    Ok(())
}

/// What Events say, in all namespaces.
fn events(admin: &netintent_tests::User) -> std::result::Result<String, Error> {
    let list = admin.get("/apis/events.k8s.io/v1/events")?.body;
    let notes = list["items"].as_array().into_iter().flatten().filter_map(|event| event["note"].as_str());
    Ok(notes.collect::<Vec<_>>().join("\n"))
}
