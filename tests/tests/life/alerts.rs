//! Every alert is on when what it tells of happens, and not before; every metric moves.

use jiff::SignedDuration;
use netintent_tests::raw::{ask, connect, trusting};
use netintent_tests::{Certificates, Installation, Installed, runtime};
use serde_json::{Value, json};

use crate::Result;
use crate::authority::{SECRETS, aged, stored};
use crate::documented::{exported, named};
use crate::scrapes::{Alert, alerts, firing, scrape};

/// For how many minutes nothing has happened before something does: longer than any alert looks back.
const QUIET: usize = 20;
/// How many connections one address opens: more than it may have.
const MANY: usize = 140;

fn own() -> Installation {
    Installation { certificates: Certificates::Own, controllers: false, controller: true, ..Installation::default() }
}

/// An installation whose alerts are watched.
struct Watched {
    installed: Installed,
    alerts: Vec<Alert>,
    fired: Vec<String>,
}

impl Watched {
    fn scrape(&self) -> Result<String> {
        Ok(scrape(self.installed.webhook()).ok_or("no metrics")?)
    }

    /// These alerts are off, and on once something has happened; it is waited for, since not all shows at once.
    fn until_on(&mut self, names: &[&str], happens: impl FnOnce(&Installed) -> Result) -> Result {
        let before = self.scrape()?;
        let expression = |name: &str| {
            let found = self.alerts.iter().find(|alert| alert.name == name).map(|alert| alert.expression.clone());
            found.ok_or_else(|| format!("there is no alert {name}"))
        };
        for name in names {
            let quiet = firing(&expression(name)?, &[Some(before.as_str()); QUIET], 60)?;
            assert!(quiet.is_empty(), "{name} is on before it should be: {quiet:?}");
        }
        happens(&self.installed)?;
        for name in names {
            let expression = expression(name)?;
            self.installed.until(&format!("{name} is on"), || {
                let after = scrape(self.installed.webhook());
                let mut scrapes = [Some(before.as_str()); QUIET].to_vec();
                scrapes.push(after.as_deref());
                let on = firing(&expression, &scrapes, 60).unwrap_or_default();
                Ok((!on.is_empty()).then_some(()))
            })?;
            self.fired.push((*name).to_owned());
        }
        Ok(())
    }
}

fn create(installed: &Installed, path: &str, object: &Value) -> Result<u16> {
    Ok(installed.admin().post(path, object)?.status)
}

fn pod(name: &str, labels: &Value, calls: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": labels, "annotations": {"netintent.dev/calls": calls}},
        "spec": {"containers": [{"name": "a", "image": "a"}]}})
}

fn statement(kind: &str, name: &str, callers: &str, callee: &str) -> Value {
    json!({"apiVersion": "netintent.dev/v1alpha1", "kind": kind, "metadata": {"name": name},
        "spec": {"callers": [callers], "callees": [callee]}})
}

#[test]
fn alerts_are_on_when_they_should_be() -> Result {
    let installed = Installed::start_with(&own())?;
    for (name, mode) in [("shop", "shadow"), ("bank", "enforce"), ("closed", "enforce"), ("away", "off")] {
        installed.namespace(name, mode)?;
    }
    let mut watched = Watched { installed, alerts: alerts()?, fired: Vec::new() };
    let first = watched.scrape()?;
    whatever_is_asked(&watched.installed)?;
    watched.until_on(&["NetintentControllerFailing"], a_label_that_can_not_be_changed)?;
    let reserved = json!({"ledger.bank.to.netintent.dev/rpc": "allowed"});
    watched.until_on(&["NetintentForgery"], |installed| {
        assert_eq!(create(installed, "/api/v1/namespaces/away/pods", &pod("forger", &reserved, ""))?, 403);
        Ok(())
    })?;
    watched.until_on(&["NetintentMalformedObjects"], malformed)?;
    watched.until_on(&["NetintentHandshakeFailing"], |installed| {
        // Plain HTTP where TLS is spoken.
        let answer = netintent_tests::http_get(installed.webhook().ports().0, "/derive").unwrap_or_default();
        assert!(!answer.contains("HTTP"), "{answer:?}");
        Ok(())
    })?;
    watched.until_on(&["NetintentRefusingConnections"], |installed| {
        let port = installed.webhook().ports().0;
        let many = (0..MANY).map(|_| runtime()?.block_on(connect(port)));
        many.collect::<Result<Vec<_>>>().map(drop)
    })?;
    watched.until_on(&["NetintentCertificateFailing"], no_right_to_the_secret)?;
    watched.until_on(&["NetintentUndecided", "NetintentSlow"], |installed| {
        let tls = trusting(installed)?;
        // A refusal hangs on what the API server says, which says nothing.
        installed.plane().signal_api_server("STOP")?;
        let asked = runtime()?.block_on(ask(&tls, installed.webhook().ports().0, "/derive", &refused().into_bytes()));
        installed.plane().signal_api_server("CONT")?;
        assert_eq!(asked?.0, 503);
        Ok(())
    })?;
    // It may have lost its Lease meanwhile.
    leads_and_has_to_do(&watched.installed)?;
    watched.until_on(&["NetintentStale", "NetintentWatchFailing", "NetintentNoLeader"], |installed| {
        installed.plane().signal_api_server("KILL")?;
        Ok(())
    })?;
    watched.installed.plane().restart_api_server()?;
    let last = leads_and_has_to_do(&watched.installed)?;
    watched.until_on(&["NetintentDown"], |installed| {
        installed.webhook().kill();
        Ok(())
    })?;
    // The one that is left has a test of its own.
    let mut missing: Vec<&String> = watched.alerts.iter().map(|alert| &alert.name).collect();
    missing.retain(|name| !watched.fired.contains(name) && *name != "NetintentCertificateExpiring");
    assert!(missing.is_empty(), "nothing was tried for {missing:?}");
    moved(&first, &last)
}

/// An API server that is away for half a minute is no alert about what is well again.
#[test]
fn a_short_outage_of_the_api_server_tells_nobody() -> Result {
    let installed = Installed::start_with(&own())?;
    let before = scrape(installed.webhook()).ok_or("no metrics")?;
    installed.plane().signal_api_server("KILL")?;
    installed.until("watches have failed for a while", || {
        Ok((installed.webhook().counted("watch_failures", "\"Pod\"")? >= 7).then_some(()))
    })?;
    installed.plane().restart_api_server()?;
    installed.until("all is known again, and the replica leads again", || {
        let text = scrape(installed.webhook()).unwrap_or_default();
        let leads = exported(&text).get("netintent_controller_leader").is_some_and(|leads| *leads > 0.0);
        let ages = text.lines().filter(|line| line.starts_with("netintent_cache_age_seconds{"));
        let fresh = |line: &str| line.rsplit_once(' ')?.1.parse::<f64>().ok().filter(|age| *age < 40.0);
        let ages: Vec<Option<f64>> = ages.map(fresh).collect();
        Ok((leads && !ages.is_empty() && ages.iter().all(Option::is_some)).then_some(()))
    })?;
    let after = scrape(installed.webhook()).ok_or("no metrics")?;
    let mut scrapes = [Some(before.as_str()); QUIET].to_vec();
    let mut on = vec![0; alerts()?.len()];
    // A minute at a time: nothing more happens.
    for _ in 0..QUIET {
        scrapes.push(Some(&after));
        for (alert, on) in alerts()?.iter().zip(&mut on) {
            let fires = !firing(&alert.expression, &scrapes, 60)?.is_empty();
            *on = if fires { *on + 1 } else { 0 };
            assert!(*on <= alert.minutes, "{} is told for nothing", alert.name);
        }
    }
    Ok(())
}

/// Every metric that is documented has another value in the end, but for those that tell when something ends, which version
/// it is, who leads, what there is to do, and what is not counted; and every metric is documented.
fn moved(first: &str, last: &str) -> Result {
    let (names, before, after) = (named()?, exported(first), exported(last));
    assert_eq!(names, after.keys().cloned().collect());
    for name in &names {
        let (before, after) = (before.get(name).copied().unwrap_or_default(), after[name]);
        if name == "netintent_uncounted_namespaces" {
            // It takes thousands of wildcards: a test of its own counts them.
            assert!(after.abs() < f64::EPSILON, "{name} is {after}");
        } else if name.contains("_expiry_") || ["_info", "_leader", "_queue"].iter().any(|end| name.ends_with(end)) {
            assert!(after > 0.0, "{name} is {after}");
        } else {
            assert!((after - before).abs() > f64::EPSILON, "{name} was {before} and is {after}");
        }
    }
    Ok(())
}

/// Questions of every registration, with every kind of answer.
fn whatever_is_asked(installed: &Installed) -> Result {
    let admin = installed.admin();
    let statements = "/apis/netintent.dev/v1alpha1";
    let approvals = format!("{statements}/namespaces/bank/approvals");
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "ledger"},
        "spec": {"selector": {"app": "ledger"}, "ports": [{"name": "rpc", "port": 80}, {"name": "admin", "port": 81}]}});
    assert_eq!(create(installed, "/api/v1/namespaces/bank/services", &service)?, 201);
    assert_eq!(create(installed, &approvals, &statement("Approval", "rpc", "shop/*", "ledger:rpc"))?, 201);
    let mut expired = statement("Approval", "expired", "shop/*", "ledger:admin");
    expired["spec"]["expiresAt"] = "2026-01-01T00:00:00Z".into();
    assert_eq!(create(installed, &approvals, &expired)?, 201);
    let prohibition = statement("ClusterProhibition", "closed", "shop/*", "closed/*");
    assert_eq!(create(installed, &format!("{statements}/clusterprohibitions"), &prohibition)?, 201);
    let pods = "/api/v1/namespaces/shop/pods";
    // In shadow it cuts nobody yet.
    let till = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "till"},
        "spec": {"selector": {"app": "till"}, "ports": [{"name": "rpc", "port": 80}]}});
    assert_eq!(create(installed, "/api/v1/namespaces/shop/services", &till)?, 201);
    let calls = ["bank/ledger:rpc", "bank/ledger", "bank/ledger:admin", "closed/vault:rpc", "bank/other", "till:rpc"];
    for (number, calls) in (0..).zip(calls) {
        assert_eq!(create(installed, pods, &pod(&format!("caller-{number}"), &json!({}), calls))?, 201);
    }
    installed.until("every reason is counted", || {
        let reasons = ["too_wide", "expired", "prohibited", "not_approved"];
        let counted = reasons.iter().map(|reason| installed.webhook().counted("refusals", reason));
        let counted: Vec<u64> = counted.collect::<std::result::Result<_, _>>()?;
        if counted.iter().all(|count| *count > 0) {
            return Ok(Some(()));
        }
        // What was created a moment ago was not known then.
        admin.delete(&format!("{pods}/caller-2?gracePeriodSeconds=0"))?;
        admin.post(pods, &pod("caller-2", &json!({}), calls[2]))?;
        admin.delete(&format!("{pods}/caller-3?gracePeriodSeconds=0"))?;
        admin.post(pods, &pod("caller-3", &json!({}), calls[3]))?;
        Ok(None)
    })?;
    let forged = pod("forged", &json!({"x.y.to.netintent.dev/z": "allowed"}), "");
    assert_eq!(create(installed, pods, &forged)?, 201);
    let template = json!({"metadata": {"labels": {"app": "a"}, "annotations": {"netintent.dev/calls": "bank/nothing"}},
        "spec": {"containers": [{"name": "a", "image": "a"}]}});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "a"}}, "template": template}});
    assert_eq!(create(installed, "/apis/apps/v1/namespaces/closed/deployments", &deployment)?, 403);
    // A bundle that was reset is written.
    let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/netintent";
    let reset = json!([{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]);
    assert!(admin.patch(path, "json", &reset)?.is_success());
    installed.until("the bundle is back", || {
        let object = admin.get(path)?.body;
        Ok(object.pointer("/webhooks/0/clientConfig/caBundle").map(drop))
    })?;
    Ok(())
}

/// The controller leads, and has a label to change that it can't.
fn leads_and_has_to_do(installed: &Installed) -> Result<String> {
    let text = installed.until("the controller leads, and has something to do", || {
        let text = scrape(installed.webhook()).unwrap_or_default();
        let all = exported(&text);
        let moves = ["netintent_controller_leader", "netintent_controller_queue"];
        Ok(moves.iter().all(|name| all.get(*name).is_some_and(|value| *value > 0.0)).then_some(text))
    })?;
    Ok(text)
}

/// The controller gives a running pod a label, and can't take it away again: it has lost its right to.
fn a_label_that_can_not_be_changed(installed: &Installed) -> Result {
    let admin = installed.admin();
    let approvals = "/apis/netintent.dev/v1alpha1/namespaces/bank/approvals";
    assert_eq!(create(installed, approvals, &statement("Approval", "late", "shop/*", "ledger:admin"))?, 201);
    let counted = |metric: &str, least: u64| {
        installed.until(&format!("{metric} has counted {least}"), || {
            Ok(installed.webhook().counted(metric, "").ok().filter(|count| *count >= least))
        })
    };
    counted("controller_label_writes", 1)?;
    counted("controller_policy_writes", 2)?;
    let role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/netintent-controller";
    let mut object = admin.get(role)?.body;
    if let Some(rules) = object["rules"].as_array_mut() {
        rules.retain(|rule| rule["resources"] != json!(["pods/status"]));
    }
    assert!(admin.put(role, &object)?.is_success());
    let past = json!({"spec": {"expiresAt": "2026-01-01T00:00:00Z"}});
    assert!(admin.patch(&format!("{approvals}/late"), "merge", &past)?.is_success());
    counted("controller_failures", 1)?;
    Ok(())
}

/// The schema lets through nothing that could not be read: an administrator has taken it away.
fn malformed(installed: &Installed) -> Result {
    let admin = installed.admin();
    let crd = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/clusterapprovals.netintent.dev";
    let mut object = admin.get(crd)?.body;
    object["spec"]["versions"][0]["schema"]["openAPIV3Schema"] =
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    assert!(admin.put(crd, &object)?.is_success());
    let wrong = json!({"apiVersion": "netintent.dev/v1alpha1", "kind": "ClusterApproval", "metadata": {"name": "wrong"},
        "spec": {"callers": 7}});
    installed.until("the API server takes what the schema refused", || {
        Ok(admin.post("/apis/netintent.dev/v1alpha1/clusterapprovals", &wrong)?.is_success().then_some(()))
    })?;
    // Whose it is reads so on the object itself.
    installed.until("an Event says that it can't be read", || {
        let events = admin.get("/apis/events.k8s.io/v1/namespaces/default/events")?.body;
        let says = |event: &Value| {
            event["reason"] == "Malformed"
                && event["regarding"]["kind"] == "ClusterApproval"
                && event["regarding"]["name"] == "wrong"
        };
        Ok(events["items"].as_array().is_some_and(|events| events.iter().any(says)).then_some(()))
    })?;
    Ok(())
}

/// The role goes, and then something that makes the webhook look.
fn no_right_to_the_secret(installed: &Installed) -> Result {
    let admin = installed.admin();
    let bindings = "/apis/rbac.authorization.k8s.io/v1/namespaces/netintent-system/rolebindings";
    assert!(admin.delete(&format!("{bindings}/netintent-authority"))?.is_success());
    Ok(())
}

/// A question about a pod that nobody may call from: before it is refused, it is read again.
fn refused() -> String {
    let pod = pod("late", &json!({}), "bank/nothing:rpc");
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "1",
        "kind": {"group": "", "version": "v1", "kind": "Pod"}, "namespace": "closed", "operation": "CREATE",
        "userInfo": {"username": "me"}, "object": pod}})
    .to_string()
}

/// What is signed by an authority that ends in half a day ends with it.
#[test]
fn an_end_that_is_near_is_told() -> Result {
    let installed = Installed::prepare(&own())?;
    let reply = installed.admin().post(SECRETS, &aged(SignedDuration::from_hours(365 * 24 - 12))?)?;
    assert!(reply.is_success(), "{reply:?}");
    installed.webhook().run()?;
    let alert = alerts()?.into_iter().find(|alert| alert.name == "NetintentCertificateExpiring");
    let expression = alert.ok_or("no such alert")?.expression;
    let near = scrape(installed.webhook()).ok_or("no metrics")?;
    assert!(!firing(&expression, &[Some(&near)], 60)?.is_empty(), "{near}");
    // It is replaced by itself, and the alert is off.
    installed.until("the end is far", || {
        let far = scrape(installed.webhook());
        Ok(firing(&expression, &[far.as_deref()], 60).unwrap_or_default().is_empty().then_some(()))
    })?;
    assert!(stored(installed.admin(), "previous.crt")?.is_some());
    Ok(())
}
