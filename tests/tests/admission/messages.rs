//! What people read: every refusal says who, what, why, whose it is and what to do.

use netintent_tests::{Installed, Reply};
use serde_json::{Value, json};
use snapbox::{assert_data_eq, str};

use crate::Result;
use crate::manifests::{approval, create, path, service, workload};

/// A shop in enforce, and a bank with a ledger that has an owner, a vault that nobody may call, and what was once
/// approved.
fn ready() -> Result<&'static Installed> {
    static READY: std::sync::OnceLock<std::result::Result<(), String>> = std::sync::OnceLock::new();
    let installed = Installed::shared()?;
    READY.get_or_init(|| set_up(installed).map_err(|error| error.to_string())).clone()?;
    Ok(installed)
}

fn set_up(installed: &Installed) -> Result {
    let admin = installed.admin();
    for (name, mode) in [("messages-shop", "enforce"), ("messages-try", "shadow"), ("messages-bank", "enforce")] {
        installed.namespace(name, mode)?;
    }
    let mut ledger = service("messages-bank", "ledger");
    // What an owner writes about itself must do no harm to who reads it.
    ledger["metadata"]["annotations"] =
        json!({"a8r.io/owner": "bank team\n\u{1b}[31mevil", "a8r.io/chat": "#bank\u{202e}"});
    create(admin, &ledger)?;
    create(admin, &service("messages-bank", "vault"))?;
    create(admin, &approval("messages-bank", "narrow", &["messages-shop/narrow"], &["ledger:rpc", "ledger:metrics"]))?;
    let mut expired = approval("messages-bank", "old", &["messages-shop/late"], &["ledger:rpc"]);
    expired["spec"]["expiresAt"] = "2026-01-01T00:00:00Z".into();
    create(admin, &expired)?;
    create(
        admin,
        &json!({"apiVersion": "netintent.dev/v1alpha1", "kind": "ClusterProhibition",
            "metadata": {"name": "messages-vault"},
            "spec": {"callers": ["messages-shop/*"], "callees": ["messages-bank/vault"],
                "reason": "audit 7\n\u{1b}]0;title\u{7}"}}),
    )?;
    Ok(())
}

/// What is answered to an object, which is not kept.
fn reply(object: &Value) -> Result<Reply> {
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
    let path = path(object["kind"].as_str().unwrap_or_default(), namespace);
    Ok(ready()?.admin().post(&format!("{path}?dryRun=All"), object)?)
}

/// The message of a refusal, without the API server's introduction.
fn refusal(object: &Value) -> Result<String> {
    let reply = reply(object)?;
    assert_eq!(reply.status, 403, "{reply:?}");
    let (_, message) = reply.message().split_once("denied the request: ").ok_or_else(|| format!("{reply:?}"))?;
    Ok(message.to_owned())
}

fn deployment(name: &str, calls: &str) -> Value {
    workload("Deployment", "messages-shop", name, calls)
}

#[test]
fn nobody_has_approved_it() -> Result {
    let said = refusal(&deployment("frontend", "messages-bank/ledger:rpc"))?;
    assert_data_eq!(
        said,
        str![[r#"
messages-shop/frontend may not call messages-bank/ledger:rpc: nobody has approved it
  bank team  [31mevil (#bank ) approves it: kubectl netintent approve messages-shop/frontend --to messages-bank/ledger:rpc
  which is this manifest:
    apiVersion: netintent.dev/v1alpha1
    kind: Approval
    metadata: {namespace: messages-bank, name: messages-shop.frontend.calls.ledger.rpc}
    spec:
      callers: [messages-shop/frontend]
      callees: ["ledger:rpc"]
"#]]
    );
    // A Pod by hand is answered alike.
    let said = refusal(&workload("Pod", "messages-shop", "frontend", "messages-bank/ledger:rpc"))?;
    assert_data_eq!(
        said,
        str![[r#"
messages-shop/frontend may not call messages-bank/ledger:rpc: nobody has approved it
  bank team  [31mevil (#bank ) approves it: kubectl netintent approve messages-shop/frontend --to messages-bank/ledger:rpc
  which is this manifest:
    apiVersion: netintent.dev/v1alpha1
    kind: Approval
    metadata: {namespace: messages-bank, name: messages-shop.frontend.calls.ledger.rpc}
    spec:
      callers: [messages-shop/frontend]
      callees: ["ledger:rpc"]
"#]]
    );
    Ok(())
}

#[test]
fn only_a_part_is_approved() -> Result {
    assert_data_eq!(
        refusal(&deployment("narrow", "messages-bank/ledger"))?,
        str![[r#"
messages-shop/narrow may not call messages-bank/ledger: only messages-bank/ledger:metrics, messages-bank/ledger:rpc is approved
  declare what is approved, no more
"#]]
    );
    Ok(())
}

#[test]
fn the_approval_has_expired() -> Result {
    assert_data_eq!(
        refusal(&deployment("late", "messages-bank/ledger:rpc"))?,
        str![[r#"
messages-shop/late may not call messages-bank/ledger:rpc: its approval has expired: messages-bank/old
  bank team  [31mevil (#bank ) sets a later `expiresAt`, or approves it anew: kubectl netintent approve messages-shop/late --to messages-bank/ledger:rpc
  which is this manifest:
    apiVersion: netintent.dev/v1alpha1
    kind: Approval
    metadata: {namespace: messages-bank, name: messages-shop.late.calls.ledger.rpc}
    spec:
      callers: [messages-shop/late]
      callees: ["ledger:rpc"]
"#]]
    );
    Ok(())
}

#[test]
fn it_is_prohibited() -> Result {
    assert_data_eq!(
        refusal(&deployment("frontend", "messages-bank/vault:rpc"))?,
        str![[r#"
messages-shop/frontend may not call messages-bank/vault:rpc: ClusterProhibition messages-vault forbids it: audit 7  ]0;title 
  take it out, or ask the platform team
"#]]
    );
    Ok(())
}

#[test]
fn what_does_not_exist_has_a_near_name() -> Result {
    assert_data_eq!(
        refusal(&deployment("frontend", "messages-bank/leger:rpc"))?,
        str![[r#"
messages-shop/frontend may not call messages-bank/leger:rpc: there is no Service messages-bank/leger
  did you mean `ledger`?
"#]]
    );
    assert_data_eq!(
        refusal(&deployment("frontend", "messages-bank/payments"))?,
        str![[r#"
messages-shop/frontend may not call messages-bank/payments: there is no Service messages-bank/payments
  whoever owns namespace messages-bank approves it: kubectl netintent approve messages-shop/frontend --to messages-bank/payments
  which is this manifest:
    apiVersion: netintent.dev/v1alpha1
    kind: Approval
    metadata: {namespace: messages-bank, name: messages-shop.frontend.calls.payments}
    spec:
      callers: [messages-shop/frontend]
      callees: ["payments"]
"#]]
    );
    Ok(())
}

#[test]
fn a_number_has_the_ports_name() -> Result {
    assert_data_eq!(
        refusal(&deployment("frontend", "messages-bank/ledger:80"))?,
        str![[r#"
messages-shop/frontend may not call messages-bank/ledger:80: nobody has approved it
  first name the port as the Service does: write `messages-bank/ledger:rpc`
"#]]
    );
    assert_data_eq!(
        refusal(&deployment("frontend", "messages-bank/ledger:rcp"))?,
        str![[r#"
messages-shop/frontend may not call messages-bank/ledger:rcp: nobody has approved it
  first name the port as the Service does: did you mean `rpc`?
"#]]
    );
    Ok(())
}

#[test]
fn a_wildcard_is_the_platform_teams() -> Result {
    assert_data_eq!(
        refusal(&deployment("frontend", "*/*:metrics"))?,
        str![[r#"
messages-shop/frontend may not call */*:metrics: ClusterProhibition messages-vault forbids it: audit 7  ]0;title 
  take it out, or ask the platform team
"#]]
    );
    Ok(())
}

#[test]
fn several_are_told_together_and_many_are_counted() -> Result {
    let calls: Vec<String> = ["rpc", "metrics", "admin"].map(|port| format!("messages-bank/ledger:{port}")).to_vec();
    let said = refusal(&deployment("frontend", &calls.join(",")))?;
    assert_eq!(said.matches("may not call").count(), 3, "{said}");
    let many: Vec<String> = (0..100).map(|at| format!("messages-bank/s{at}")).collect();
    let said = refusal(&deployment("frontend", &many.join(",")))?;
    assert!(said.ends_with("\nand 95 more intents are refused"), "{said}");
    Ok(())
}

#[test]
fn malformed_intents() -> Result {
    assert_data_eq!(
        refusal(&deployment("frontend", "messages-bank/ledger:rpc messages-bank/vault"))?,
        str![
            "netintent.dev/calls: `messages-bank/ledger:rpc messages-bank/vault` is read as one intent, and an intent has no spaces; separate intents by commas or newlines (`calls: |` keeps newlines, a folded `>` turns them into spaces)"
        ]
    );
    // In shadow too: what can't be read means nothing to anybody.
    let said = refusal(&workload("Deployment", "messages-try", "frontend", "https://ledger.messages-bank.svc:80/v1"))?;
    assert_data_eq!(
        said,
        str![
            "netintent.dev/calls: `//ledger.messages-bank.svc:80/v1` is no port: a port's name (of a-z, 0-9 and -) or its Service port number; did you mean `messages-bank/ledger:80`?"
        ]
    );
    let said = refusal(&workload("Pod", "messages-try", "frontend", "a\u{1b}[2Jb"))?;
    assert_data_eq!(
        said,
        str!["netintent.dev/calls: `a [2Jb` is no name of a Service: lower-case letters, digits and `-` were expected"]
    );
    let many: Vec<String> = (0..300).map(|at| format!("messages-bank/s{at}")).collect();
    assert_data_eq!(
        refusal(&deployment("frontend", &many.join(",")))?,
        str![
            "netintent.dev/calls: 300 intents: a pod can have at most 256; use wildcards such as `namespace/*:port` or `@type:port`"
        ]
    );
    let mut object = deployment("frontend", "messages-bank/ledger:rpc");
    object["spec"]["template"]["metadata"]["annotations"]["netintent.dev/caller"] = "bank/other".into();
    assert_data_eq!(
        refusal(&object)?,
        str!["`bank/other`: `netintent.dev/caller` gives a name alone; a caller's namespace is always its own"]
    );
    Ok(())
}

#[test]
fn warnings_say_it_in_a_line() -> Result {
    let warned = |name: &str, calls: &str| -> Result<String> {
        let reply = reply(&workload("Deployment", "messages-try", name, calls))?;
        assert!(reply.is_success(), "{reply:?}");
        Ok(reply.warnings.join("\n"))
    };
    assert_data_eq!(
        warned("frontend", "messages-bank/ledger:rpc")?,
        str![
            "messages-try/frontend may not call messages-bank/ledger:rpc: nobody has approved it; bank team  [31mevil (#bank ) approves it: kubectl netintent approve messages-try/frontend --to messages-bank/ledger:rpc"
        ]
    );
    assert_data_eq!(
        warned("frontend", "messages-bank/leger:rpc")?,
        str![
            "messages-try/frontend may not call messages-bank/leger:rpc: there is no Service messages-bank/leger; did you mean `ledger`?"
        ]
    );
    let many: Vec<String> = (0..200).map(|at| format!("messages-bank/some-service-with-a-name-{at}")).collect();
    let said = warned("frontend", &many.join(","))?;
    assert!(said.lines().all(|line| line.chars().count() <= 256), "{said}");
    assert!(said.chars().count() <= 4096 && said.lines().last().is_some_and(|line| line.starts_with("and ")), "{said}");
    Ok(())
}

#[test]
fn intents_in_the_wrong_place() -> Result {
    let mut object = workload("CronJob", "messages-shop", "frontend", "");
    object["metadata"]["annotations"] = json!({"netintent.dev/calls": "messages-bank/ledger:rpc"});
    let reply = reply(&object)?;
    assert!(reply.is_success(), "{reply:?}");
    assert_data_eq!(
        reply.warnings.join("\n"),
        str![
            "netintent.dev/calls has no effect on the metadata of a CronJob; move it to spec.jobTemplate.spec.template.metadata.annotations"
        ]
    );
    Ok(())
}

#[test]
fn what_the_api_server_refuses_by_itself() -> Result {
    let installed = ready()?;
    let key = "ledger.messages-bank.to.netintent.dev/rpc";
    let mut object = deployment("frontend", "");
    object["spec"]["template"]["metadata"]["labels"][key] = "allowed".into();
    let answer = reply(&object)?;
    assert_data_eq!(
        answer.message(),
        str![[
            r#"deployments.apps "frontend" is forbidden: ValidatingAdmissionPolicy 'netintent-keys' with binding 'netintent-keys' denied request: labels under to.netintent.dev and type.netintent.dev are netintent's own, and derived from what is declared and approved: take them out of the pod template, and declare the call in its annotation netintent.dev/calls"#
        ]]
    );
    let mut object = deployment("frontend", "");
    object["spec"]["selector"] = json!({"matchExpressions": [{"key": key, "operator": "DoesNotExist"}]});
    assert_data_eq!(
        reply(&object)?.message(),
        str![[
            r#"deployments.apps "frontend" is forbidden: ValidatingAdmissionPolicy 'netintent-keys' with binding 'netintent-keys' denied request: a selector has at most 1024 keys, and none under to.netintent.dev or type.netintent.dev, which are netintent's own: select pods by labels of their template"#
        ]]
    );
    let mut pod = workload("Pod", "messages-shop", "forged", "");
    pod["metadata"]["labels"][key] = "allowed".into();
    let answer = reply(&pod)?;
    assert!(answer.is_success() && answer.body["metadata"]["labels"].get(key).is_none(), "{answer:?}");
    assert_data_eq!(
        answer.warnings.join("\n"),
        str![
            "label ledger.messages-bank.to.netintent.dev/rpc is netintent's own and stands for an approval that there is not: it was taken away"
        ]
    );
    pod["metadata"]["namespace"] = "default".into();
    assert_data_eq!(
        reply(&pod)?.message(),
        str![[
            r#"admission webhook "guard.netintent.dev" denied the request: default/forged may not have ledger.messages-bank.to.netintent.dev/rpc: labels of this kind are netintent's own, and no approval covers what they stand for"#
        ]]
    );
    let own = json!({"metadata": {"labels": {"netintent.dev/mode": "enforce"}}});
    let said = installed.admin().patch("/api/v1/namespaces/netintent-system", "merge", &own)?;
    assert_data_eq!(
        said.message(),
        str![[
            r#"namespaces "netintent-system" is forbidden: ValidatingAdmissionPolicy 'netintent-modes' with binding 'netintent-modes' denied request: netintent's own namespace takes no part, so that it can never stand in its own way"#
        ]]
    );
    Ok(())
}
