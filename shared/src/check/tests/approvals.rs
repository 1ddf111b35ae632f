//! Approvals and prohibitions.

use jiff::{SignedDuration, Timestamp};

use super::{found_with, one, options, told, underlined};
use crate::finding::Code;
use crate::testing::{NOW, approval, deployment, service};

const BOTH: &[&str] = &["shop=enforce", "bank=enforce"];

fn base(calls: &str) -> String {
    deployment("bank", "ledger", "") + &service("bank", "ledger") + &deployment("shop", "web", calls)
}

fn ending(hours: i64, seconds: i64) -> String {
    let at = NOW.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours) + SignedDuration::from_secs(seconds);
    base("bank/ledger:http") + &approval("bank", "shop/web", "ledger:http") + &format!("  expiresAt: {at}\n")
}

#[test]
fn the_end_of_an_approval() {
    let codes = |text: &str| {
        [Code::ExpiredApproval, Code::ExpiringApproval]
            .map(|code| told(code, text, &["bank=enforce", "shop=off"]).len())
    };
    assert_eq!(codes(&ending(0, 0)), [1, 0], "it ends at its moment");
    assert_eq!(codes(&ending(0, 1)), [0, 1]);
    assert_eq!(codes(&ending(720, 0)), [0, 1], "within 30 days");
    assert_eq!(codes(&ending(720, 1)), [0, 0]);
    let text = ending(0, 0);
    assert_eq!(underlined(&text, &one(Code::ExpiredApproval, &text, BOTH)), NOW);
    assert_eq!(told(Code::UnusedApproval, &text.replace("shop/web", "shop/x"), BOTH), Vec::<String>::new());
}

#[test]
fn retained_revisions_count_as_use() {
    let text = base("") + &approval("bank", "shop/web", "ledger:http");
    assert_eq!(told(Code::UnusedApproval, &text, BOTH).len(), 1);
    let meta = |kind: &str| {
        format!(
            "namespace: shop\n  name: web-1\n  ownerReferences: [{{apiVersion: apps/v1, kind: {kind}, name: web, uid: x, controller: true}}]\n"
        )
    };
    let replica_set = format!(
        "---\napiVersion: apps/v1\nkind: ReplicaSet\nmetadata:\n  {}spec:\n  replicas: 0\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}, annotations: {{netintent.dev/calls: bank/ledger:http}}}}\n    spec: {{containers: [{{name: a, image: a}}]}}\n",
        meta("Deployment")
    );
    assert_eq!(told(Code::UnusedApproval, &(text.clone() + &replica_set), BOTH), Vec::<String>::new());
    // What a CronJob's Job once was is not kept for a rollback.
    let job = format!(
        "---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {{namespace: shop, name: web}}\nspec: {{schedule: \"0 0 * * *\", jobTemplate: {{spec: {{template: {{spec: {{restartPolicy: Never, containers: [{{name: a, image: a}}]}}}}}}}}}}\n---\napiVersion: batch/v1\nkind: Job\nmetadata:\n  {}spec:\n  template:\n    metadata: {{annotations: {{netintent.dev/calls: bank/ledger:http}}}}\n    spec: {{restartPolicy: Never, containers: [{{name: a, image: a}}]}}\n",
        meta("CronJob").replace("apps/v1", "batch/v1")
    );
    assert_eq!(told(Code::UnusedApproval, &(text.clone() + &job), BOTH).len(), 1);
    let revision = |more: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: ControllerRevision\nmetadata:\n  {}revision: 1\ndata:\n  spec:\n    template:\n      metadata: {{annotations: {{netintent.dev/calls: bank/ledger:http{more}}}}}\n",
            meta("StatefulSet")
        )
    };
    assert_eq!(told(Code::UnusedApproval, &(text.clone() + &revision("")), BOTH), Vec::<String>::new());
    // The caller's own name counts there too.
    assert_eq!(told(Code::UnusedApproval, &(text.clone() + &revision(", netintent.dev/caller: other")), BOTH).len(), 1);
    let other = text.replace("shop/web", "shop/other") + &revision(", netintent.dev/caller: other");
    assert_eq!(told(Code::UnusedApproval, &other, BOTH), Vec::<String>::new());
}

#[test]
fn each_caller_of_an_approval_is_judged() {
    let both = approval("bank", "shop/web", "ledger:http").replace("\"shop/web\"", "shop/web, shop/wbe");
    let text = base("bank/ledger:http") + &both;
    let finding = one(Code::UnusedApproval, &text, BOTH);
    assert_eq!(underlined(&text, &finding), "shop/wbe");
    assert_eq!(finding.help.as_deref(), Some("did you mean `shop/web`?"));
    let far = base("bank/ledger:http") + &approval("bank", "far/away", "ledger:http");
    assert_eq!(
        one(Code::UnusedApproval, &far, BOTH).help.as_deref(),
        Some("there is no workload far/away in the input")
    );
    let slip = base("bank/ledger:http") + &approval("bank", "shpo/web", "ledger:http");
    assert_eq!(one(Code::UnusedApproval, &slip, BOTH).help.as_deref(), Some("did you mean `shop/web`?"));
    let strangers = base("bank/ledger:http") + &approval("bank", "far/*", "*");
    assert_eq!(told(Code::UnusedApproval, &strangers, BOTH).len(), 1, "what others declare is no use of theirs");
    // A workload that there is, and that declares something else: nothing is to be corrected.
    let else_ = base("bank/ledger:http") + &approval("bank", "shop/web", "ledger:metrics");
    assert_eq!(one(Code::UnusedApproval, &else_, BOTH).help, None);
    let narrow = base("bank/ledger") + &approval("bank", "shop/web", "ledger:http");
    assert_eq!(told(Code::UnusedApproval, &narrow, BOTH).len(), 1, "it does not cover the intent");
    let pattern = base("bank/ledger:http") + &approval("bank", "shop/*", "*");
    assert_eq!(told(Code::UnusedApproval, &pattern, BOTH), Vec::<String>::new());
}

#[test]
fn callees_of_approvals_exist() {
    let told = |callee: &str, code| {
        let text = base("bank/ledger:http") + &approval("bank", "shop/*", callee);
        let finding = one(code, &text, BOTH);
        (underlined(&text, &finding), finding.help.unwrap_or_default())
    };
    assert_eq!(told("legder", Code::UnknownCallee), ("\"legder\"".into(), "did you mean `ledger`?".into()));
    assert_eq!(told("ledger:htpt", Code::UnknownPort), ("\"ledger:htpt\"".into(), "did you mean `http`?".into()));
    assert_eq!(told("ledger:80", Code::PortByNumber), ("\"ledger:80\"".into(), "write `ledger:http`".into()));
    let fine = base("bank/ledger:http") + &approval("bank", "shop/*", "*:nosuch");
    assert_eq!(super::told(Code::UnknownPort, &fine, BOTH), Vec::<String>::new());
}

#[test]
fn blocks_that_may_hold_pods() {
    let text = |cidr: &str| {
        base("")
            + &format!(
                "---\napiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {{namespace: bank, name: from}}\nspec: {{callees: [ledger], from: [{{ipBlock: {{cidr: {cidr}}}}}]}}\n"
            )
    };
    let count = |cidr: &str| told(Code::PeerMayHoldPods, &text(cidr), BOTH).len();
    assert_eq!(count("0.0.0.0/0"), 1);
    assert_eq!(count("192.168.7.0/24"), 1);
    assert_eq!(count("fd00::/64"), 1);
    assert_eq!(count("203.0.113.0/24"), 0);
    assert_eq!(count("2001:db8::/32"), 0);
    // Where the pods are known to be elsewhere, a private block is none of theirs.
    let mut known = options(BOTH);
    known.pod_cidrs = vec!["10.244.0.0/16".parse().unwrap()];
    let with = |cidr: &str| {
        let found = found_with(&text(cidr), &known).0;
        found.into_iter().filter(|f| f.code == Code::PeerMayHoldPods).map(|f| f.message).collect::<Vec<_>>()
    };
    assert_eq!(with("192.168.0.0/16"), Vec::<String>::new());
    assert!(with("10.0.0.0/8")[0].contains("(10.244.0.0/16)"));
    let running = "---\napiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: p}\nspec: {containers: [{name: a, image: a}]}\nstatus: {podIP: 192.168.3.4}\n";
    assert_eq!(told(Code::PeerMayHoldPods, &(text("192.168.3.0/24") + running), BOTH).len(), 1);
    assert_eq!(told(Code::PeerMayHoldPods, &(text("10.0.0.0/8") + running), BOTH), Vec::<String>::new());
}

fn prohibition(callers: &str, callees: &str) -> String {
    format!(
        "---\napiVersion: netintent.dev/v1alpha1\nkind: ClusterProhibition\nmetadata: {{name: p}}\nspec: {{callers: [\"{callers}\"], callees: [\"{callees}\"]}}\n"
    )
}

#[test]
fn what_allows_what_a_prohibition_forbids() {
    let text = |p: &str| base("") + &deployment("shop", "cart", "") + p;
    let off = one(Code::ProhibitedButAllowed, &text(&prohibition("shop/*", "bank/ledger")), &[]);
    assert_eq!(
        off.message,
        "ClusterProhibition p forbids it, and shop/cart and shop/web may call Service bank/ledger: no policy stands before it (mode off)"
    );
    assert_eq!(off.help.as_deref(), Some("put namespace bank into enforce"));
    assert_eq!(
        told(Code::ProhibitedButAllowed, &text(&prohibition("shop/*", "bank/ledger")), BOTH),
        Vec::<String>::new()
    );
    assert_eq!(
        told(Code::ProhibitedButAllowed, &text(&prohibition("dev/*", "bank/ledger")), &[]),
        Vec::<String>::new()
    );
    // A Service's own pods reach each other.
    let everybody = one(Code::ProhibitedButAllowed, &text(&prohibition("*/*", "bank/ledger")), &[]);
    assert!(everybody.message.contains("shop/cart and shop/web may call"), "{}", everybody.message);
    let policy = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: bank, name: legacy}\nspec:\n  podSelector: {}\n  ingress: [{ports: [{port: 9090}]}]\n";
    let by_policy = one(Code::ProhibitedButAllowed, &(text(&prohibition("shop/*", "bank/ledger")) + policy), BOTH);
    assert!(by_policy.message.ends_with("NetworkPolicy bank/legacy allows it"), "{}", by_policy.message);
    // Only the ports that are prohibited count.
    let http = text(&prohibition("shop/*", "bank/ledger:http")) + policy;
    assert_eq!(told(Code::ProhibitedButAllowed, &http, BOTH), Vec::<String>::new());
}
