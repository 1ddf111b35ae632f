use crate::list::Filter;
use crate::testing::{approval, deployment, edges, objects, service, snapshot};

use super::*;

fn labels(snapshot: &Snapshot, name: &str) -> Vec<String> {
    let at = snapshot.workloads.iter().position(|w| w.full_name() == name).unwrap();
    let pod = &snapshot.pods[snapshot.workloads[at].pods.start as usize];
    pod.labels.iter().filter(|(k, _)| names::is_reserved(k)).map(|(k, v)| format!("{k}={v}")).collect()
}

#[test]
fn pods_of_managed_namespaces_carry_what_is_approved() {
    let text = deployment("shop", "web", "bank/ledger:http,bank/cards")
        + &service("bank", "ledger")
        + &approval("bank", "shop/web", "ledger:http");
    for (mode, expected) in [("shop=enforce", 1), ("shop=shadow", 1), ("shop=off", 0)] {
        let labels = labels(&snapshot(&text, &[mode]), "shop/web");
        assert_eq!(labels.len(), expected, "{mode}");
        assert!(labels.iter().all(|l| l == "ledger.bank.to.netintent.dev/http=allowed"));
    }
}

#[test]
fn reserved_labels_written_by_hand_never_count() {
    let forged = deployment("shop", "web", "")
        .replace("labels: {app: web}", "labels: {app: web, ledger.bank.to.netintent.dev/http: allowed}");
    for mode in ["shop=enforce", "shop=off"] {
        assert!(labels(&snapshot(&forged, &[mode]), "shop/web").is_empty(), "{mode}");
    }
}

#[test]
fn a_service_account_declares_for_its_pods() {
    let account = "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {namespace: shop, name: robot, annotations: {netintent.dev/calls: \"bank/ledger:http\"}}\n";
    let web = deployment("shop", "web", "bank/cards")
        .replace("    spec:\n      containers", "    spec:\n      serviceAccountName: robot\n      containers");
    let text = web + account + &approval("bank", "shop/*", "*");
    let snapshot = snapshot(&text, &["shop=enforce"]);
    assert_eq!(
        labels(&snapshot, "shop/web"),
        ["cards.bank.to.netintent.dev/all.ports=allowed", "ledger.bank.to.netintent.dev/http=allowed"]
    );
    assert_eq!(snapshot.pods[0].intents.iter().filter(|d| d.service_account.is_some()).count(), 1);
}

#[test]
fn owned_replicasets_and_jobs_give_no_template_of_their_own() {
    let owned = |kind: &str, api: &str, owner: &str, owner_kind: &str, spec: &str| {
        format!(
            "---\napiVersion: {api}\nkind: {kind}\nmetadata:\n  namespace: shop\n  name: {owner}-1\n  ownerReferences: [{{apiVersion: {api}, kind: {owner_kind}, name: {owner}, controller: true}}]\nspec: {spec}\n"
        )
    };
    let template = "{selector: {matchLabels: {app: old}}, template: {metadata: {labels: {app: old}}, spec: {containers: [{name: a, image: x}]}}}";
    let job = "{template: {spec: {containers: [{name: a, image: x}]}}}";
    let text = deployment("shop", "web", "")
        + &owned("ReplicaSet", "apps/v1", "web", "Deployment", template)
        + &owned("Job", "batch/v1", "report", "CronJob", job);
    let pods = |text: &str| -> Vec<(String, usize)> {
        snapshot(text, &[]).workloads.iter().map(|w| (w.full_name(), w.pods.len())).collect()
    };
    let one = |name: &str| (name.to_owned(), 1);
    // The CronJob's own template is not there: its Job stands for it.
    assert_eq!(pods(&text), [one("shop/report"), one("shop/web")]);
    let cron = "---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {namespace: shop, name: report}\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{name: a, image: x}]}}}}}\n";
    assert_eq!(pods(&(text + cron)), [one("shop/report"), one("shop/web")]);
}

#[test]
fn ended_pods_stand_for_their_workload_only_where_nothing_else_does() {
    let pod = |name: &str, phase: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n  ownerReferences: [{{apiVersion: batch/v1, kind: Job, name: load, controller: true}}]\nspec: {{containers: [{{name: a, image: x}}]}}\nstatus: {{phase: {phase}}}\n"
        )
    };
    let pods = |text: String| snapshot(&text, &[]).pods.len();
    assert_eq!(pods(pod("a", "Succeeded") + &pod("b", "Running")), 1);
    assert_eq!(pods(pod("a", "Succeeded") + &pod("b", "Failed")), 2);
}

#[test]
fn mirror_pods_get_no_grants() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  namespace: shop\n  name: mirror\n  annotations: {netintent.dev/calls: bank/ledger, kubernetes.io/config.mirror: x}\nspec: {containers: [{name: a, image: x}]}\n";
    let snapshot = snapshot(&(pod.to_owned() + &approval("bank", "*/*", "*")), &["shop=enforce"]);
    assert!(labels(&snapshot, "shop/mirror").is_empty());
}

#[test]
fn a_policy_in_the_input_holds_in_place_of_ours() {
    let open = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: bank, name: netintent-ledger}\nspec: {podSelector: {matchLabels: {app: ledger}}, ingress: [{}]}\n";
    let text = deployment("bank", "ledger", "") + &service("bank", "ledger") + &deployment("shop", "web", "");
    assert!(
        !edges(&snapshot(&text, &["bank=enforce"]), &Filter::default())
            .contains(&"shop/web -> bank/ledger: all ports".to_owned())
    );
    assert!(
        edges(&snapshot(&(text + open), &["bank=enforce"]), &Filter::default())
            .contains(&"shop/web -> bank/ledger: all ports".to_owned())
    );
}

#[test]
fn what_is_read_with_reservations_is_told() {
    let text = deployment("shop", "web", "bank/led ger, x")
        + &service("bank", "ledger").replace("name: ledger}", "name: ledger, labels: {netintent.dev/mode: strict}}");
    let snapshot = Snapshot::new(objects(&text), &Options::at(crate::testing::NOW.parse().unwrap()));
    let told: Vec<&str> = snapshot.findings.iter().map(|w| w.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "`strict` is no mode: Service bank/ledger is in the mode of its namespace",
            "no Namespace bank in the input: it is read as off",
            "no Namespace shop in the input: it is read as off",
            "`bank/led ger` is read as one intent, and an intent has no spaces; taken as undeclared",
        ]
    );
    assert_eq!(snapshot.pods[0].intents.len(), 1, "the other intent holds");
}

#[test]
fn who_declares_nothing_is_told_nothing() {
    assert!(snapshot(&deployment("shop", "web", ""), &[]).findings.is_empty());
}

#[test]
fn a_policy_of_another_api_takes_nothing_from_one_of_its_name() {
    let deny = |api: &str| {
        format!(
            "---\napiVersion: {api}\nkind: NetworkPolicy\nmetadata: {{namespace: bank, name: deny}}\nspec: {{podSelector: {{}}}}\n"
        )
    };
    let text = deployment("bank", "ledger", "") + &deny("networking.k8s.io/v1") + &deny("projectcalico.org/v3");
    let snapshot = snapshot(&text, &[]);
    assert_eq!((snapshot.policies.len(), snapshot.objects.foreign.len()), (1, 1));
}

#[test]
fn what_a_policy_leaves_out_is_told() {
    let from = approval("bank", "shop/web", "*") + "  from: [{ipBlock: {cidr: 10.0.0/8}}]\n";
    let open = service("bank", "cards").replace("name: cards}", "name: cards, labels: {netintent.dev/mode: \"off\"}}");
    let snapshot = snapshot(&(service("bank", "ledger") + &open + &from), &["bank=enforce"]);
    let told: Vec<&str> = snapshot.findings.iter().map(|w| w.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "namespace bank is in enforce, and Service cards keeps it open",
            "this peer of Approval bank/a is left out: `10.0.0` is no IP address",
        ]
    );
}

/// It may own what it likes, and is no workload's name.
#[test]
fn an_owner_with_a_name_that_is_none_is_no_controller() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  ownerReferences: [{apiVersion: a/v1, kind: A, name: \"b\\nc\", controller: true}]\nspec: {containers: [{name: a, image: x}]}\n";
    let snapshot = snapshot(pod, &[]);
    assert_eq!(snapshot.workloads[0].key(), ("default", "a", "Pod"));
}

#[test]
fn ports_that_no_policy_will_know_are_told() {
    let text =
        deployment("shop", "web", "bank/ledger:htpp, bank/ledger:80, bank/ledger:9091, bank/ledger, bank/other:x")
            + &deployment("bank", "ledger", "")
            + &service("bank", "ledger");
    let snapshot = snapshot(&text, &["*=enforce"]);
    let told: Vec<(&str, Option<&str>)> =
        snapshot.findings.iter().map(|w| (w.message.as_str(), w.help.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("Service bank/ledger has no port `htpp`", Some("did you mean `http`?")),
            ("port 80 of Service bank/ledger has a name, and is known by it alone", Some("write `bank/ledger:http`")),
            ("Service bank/ledger has no port `9091`", Some("its ports are http, metrics")),
        ]
    );
}

#[test]
fn a_port_called_by_digits_is_callable() {
    let digits = service("bank", "ledger").replace("name: http", "name: \"8080\"");
    let text = deployment("shop", "web", "bank/ledger:8080")
        + &deployment("bank", "ledger", "")
        + &digits
        + &approval("bank", "shop/web", "ledger:8080");
    let snapshot = snapshot(&text, &["*=enforce"]);
    assert!(edges(&snapshot, &Filter::default()).contains(&"shop/web -> bank/ledger: TCP 8080".to_owned()));
    assert!(snapshot.findings.is_empty(), "{:?}", snapshot.findings);
}

#[test]
fn what_is_not_in_the_input_is_not_guessed_in_silence() {
    let policy = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: shop, name: p}\nspec: {podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: x}}}]}]}\n";
    let snapshot = snapshot(&(deployment("shop", "web", "") + policy), &["shpo=enforce"]);
    let told: Vec<&str> = snapshot.findings.iter().map(|w| w.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "nothing in the input is in namespace shpo: its --mode changes nothing",
            "NetworkPolicy shop/p asks for labels of namespaces, and no Namespace shop is in the input: read as having none",
        ]
    );
}
