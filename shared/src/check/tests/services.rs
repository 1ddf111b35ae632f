//! Services, pods, and what calls from outside.

use super::{found, one, told, underlined};
use crate::finding::Code;
use crate::testing::{deployment, service, snapshot};

fn named(name: &str, mode: &str, ports: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{namespace: bank, name: {name}, labels: {{netintent.dev/mode: \"{mode}\"}}}}\nspec:\n  selector: {{app: ledger}}\n  ports: [{ports}]\n"
    )
}

const HTTP: &str = "{name: http, port: 80, targetPort: http}";
const METRICS: &str = "{name: metrics, port: 9090, targetPort: metrics}";

#[test]
fn modes_on_the_same_pods() {
    let text = |a: &str, b: &str| deployment("bank", "ledger", "") + &named("a", a, HTTP) + &named("b", b, METRICS);
    for (a, b, on) in [("enforce", "shadow", "bank/b"), ("off", "enforce", "bank/a"), ("enforce", "off", "bank/b")] {
        let finding = one(Code::MixedModes, &text(a, b), &[]);
        assert_eq!(finding.object.as_ref().unwrap().to_string(), format!("Service {on}"), "{a} {b}");
    }
    for (a, b) in [("enforce", "enforce"), ("shadow", "off"), ("off", "off")] {
        assert_eq!(told(Code::MixedModes, &text(a, b), &[]), Vec::<String>::new(), "{a} {b}");
    }
    let apart = deployment("bank", "ledger", "")
        + &named("a", "enforce", HTTP)
        + &named("b", "off", METRICS).replace("app: ledger", "app: other");
    assert_eq!(told(Code::MixedModes, &apart, &[]), Vec::<String>::new());
}

#[test]
fn the_same_port_of_the_same_pods() {
    let text =
        |a: &str, b: &str, mode: &str| deployment("bank", "ledger", "") + &named("a", mode, a) + &named("b", mode, b);
    let again = "{name: x, port: 7, targetPort: 1}, {name: again, port: 81, targetPort: 8080}";
    let manifest = text(HTTP, again, "enforce");
    let finding = one(Code::SharedPodPort, &manifest, &[]);
    assert!(finding.message.contains("(TCP 8080)"), "{}", finding.message);
    assert_eq!(underlined(&manifest, &finding), "name");
    assert!(format!("{:?}", finding.place).contains("Item(1)"), "the second port: {:?}", finding.place);
    assert_eq!(told(Code::SharedPodPort, &text(HTTP, again, "shadow"), &[]).len(), 1);
    assert_eq!(told(Code::SharedPodPort, &text(HTTP, again, "off"), &[]), Vec::<String>::new());
    assert_eq!(told(Code::SharedPodPort, &text(HTTP, METRICS, "enforce"), &[]), Vec::<String>::new());
    let udp = "{name: u, port: 81, targetPort: 8080, protocol: UDP}";
    assert_eq!(told(Code::SharedPodPort, &text(HTTP, udp, "enforce"), &[]), Vec::<String>::new());
    // With one that is off, as long as the other takes part.
    let one_off = deployment("bank", "ledger", "") + &named("a", "off", HTTP) + &named("b", "shadow", again);
    assert_eq!(told(Code::SharedPodPort, &one_off, &[]).len(), 1);
}

#[test]
fn ports_that_no_service_names() {
    let text = deployment("bank", "ledger", "") + &named("a", "enforce", HTTP);
    let finding = one(Code::UnnamedContainerPort, &text, &[]);
    assert_eq!(underlined(&text, &finding), "9090");
    assert!(
        finding.message.starts_with("no Service leads to port TCP 9090 (metrics) of Deployment bank/ledger"),
        "{}",
        finding.message
    );
    assert_eq!(told(Code::UnnamedContainerPort, &text.replace("enforce", "shadow"), &[]), Vec::<String>::new());
    let both = text + &named("b", "enforce", METRICS);
    assert_eq!(told(Code::UnnamedContainerPort, &both, &[]), Vec::<String>::new());
}

#[test]
fn nothing_can_stand_before_it() {
    let bare = |mode: &str, rest: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{namespace: bank, name: a, labels: {{netintent.dev/mode: \"{mode}\"}}}}\nspec: {{{rest}}}\n"
        )
    };
    let external = "type: ExternalName, externalName: x.example";
    let unknown = "ports: [{port: 80}]";
    let headless = "clusterIP: None, selector: {app: ledger}";
    for rest in [external, unknown, headless] {
        let text = |mode: &str| bare(mode, rest) + &deployment("bank", "ledger", "");
        for mode in ["enforce", "shadow"] {
            assert_eq!(told(Code::NotEnforceable, &text(mode), &[]).len(), 1, "{rest} in {mode}");
        }
        assert_eq!(told(Code::NotEnforceable, &text("off"), &[]), Vec::<String>::new(), "{rest}");
    }
    let help = |rest: &str| one(Code::NotEnforceable, &bare("shadow", rest), &[]).help.unwrap();
    assert!(help(external).starts_with("an ExternalName is a DNS alias"));
    assert!(help(unknown).starts_with("a policy needs a selector"));
    assert!(help(headless).starts_with("name the ports"));
}

#[test]
fn a_selector_that_matches_nothing_has_near_labels() {
    let text =
        |selector: &str| deployment("bank", "ledger", "") + &service("bank", "ledger").replace("app: ledger", selector);
    let help = |selector: &str| one(Code::ServiceSelectsNothing, &text(selector), &[]).help;
    assert_eq!(help("app: legder").as_deref(), Some("did you mean `app: ledger`?"));
    assert_eq!(help("apps: ledger").as_deref(), Some("did you mean `app: ledger`?"));
    assert_eq!(help("app: elsewhere"), None);
    let two = text("app: ledger, tier: x");
    assert_eq!(underlined(&two, &one(Code::ServiceSelectsNothing, &two, &[])), "x", "what is not met");
    let nobody = service("bank", "ledger");
    assert!(!found(&nobody, &[]).iter().any(|f| f.code == Code::ServiceSelectsNothing), "there is no pod to select");
}

fn exposed(more: &str, modes: &[&str]) -> Vec<String> {
    told(Code::ExposedWithoutFrom, &(deployment("bank", "ledger", "") + &service("bank", "ledger") + more), modes)
}

#[test]
fn what_calls_from_outside_needs_a_from() {
    const ENFORCE: &[&str] = &["bank=enforce"];
    let ingress = "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {namespace: bank, name: i}\nspec: {defaultBackend: {service: {name: ledger, port: {number: 80}}}}\n";
    assert_eq!(
        exposed(ingress, ENFORCE),
        ["Ingress bank/i calls Service bank/ledger, which is in enforce, and no `from` lets it in"]
    );
    assert_eq!(exposed(ingress, &["bank=shadow"]), Vec::<String>::new());
    assert_eq!(exposed(&ingress.replace("{name: ledger,", "{name: other,"), ENFORCE), Vec::<String>::new());
    assert_eq!(exposed(&ingress.replace("namespace: bank", "namespace: shop"), ENFORCE), Vec::<String>::new());
    let from = |peer: &str, more: &str| {
        format!(
            "{ingress}---\napiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {{namespace: bank, name: f}}\nspec: {{callees: [\"ledger:http\"], from: [{peer}]{more}}}\n"
        )
    };
    assert_eq!(exposed(&from("{podSelector: {}}", ""), ENFORCE), Vec::<String>::new());
    assert_eq!(exposed(&from("{podSelector: {}}", ", expiresAt: 2026-01-01T00:00:00Z"), ENFORCE).len(), 1);
    assert_eq!(
        exposed(&from("{ipBlock: {cidr: 1.2.3.4/33}}", ""), ENFORCE).len(),
        1,
        "a peer that is none lets nobody in"
    );
    let base = deployment("bank", "ledger", "") + &service("bank", "ledger");
    let help = one(Code::ExposedWithoutFrom, &(base + ingress), ENFORCE).help.unwrap();
    assert!(help.starts_with("name the ingress controller under `from`"), "{help}");
    let api = "---\napiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1.x.example}\nspec: {service: {namespace: bank, name: ledger}}\n";
    let finding =
        one(Code::ExposedWithoutFrom, &(deployment("bank", "ledger", "") + &service("bank", "ledger") + api), ENFORCE);
    assert!(finding.help.unwrap().starts_with("name the API server under `from`"));
    let route = "---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {namespace: bank, name: r}\nspec: {rules: [{backendRefs: [{name: ledger, port: 80}]}]}\n";
    let finding = one(
        Code::ExposedWithoutFrom,
        &(deployment("bank", "ledger", "") + &service("bank", "ledger") + route),
        ENFORCE,
    );
    assert!(finding.help.unwrap().starts_with("name the gateway under `from`"));
    let typed = |r#type: &str| {
        told(
            Code::ExposedWithoutFrom,
            &(deployment("bank", "ledger", "")
                + &service("bank", "ledger").replace("spec:\n", &format!("spec:\n  type: {type}\n"))),
            ENFORCE,
        )
    };
    assert_eq!(typed("NodePort"), ["Service bank/ledger is a NodePort in enforce, and no `from` lets its callers in"]);
    assert_eq!(typed("LoadBalancer").len(), 1);
    let half = deployment("bank", "ledger", "")
        + &service("bank", "ledger").replace("spec:\n", "spec:\n  type: NodePort\n")
        + &from("{podSelector: {}}", "");
    assert_eq!(
        told(Code::ExposedWithoutFrom, &half, ENFORCE),
        ["Service bank/ledger is a NodePort in enforce, and no `from` lets its callers in on port metrics"]
    );
    assert_eq!(typed("ClusterIP"), Vec::<String>::new());
}

#[test]
fn pods_without_a_service() {
    let text = deployment("bank", "ledger", "") + &deployment("bank", "cards", "") + &service("bank", "ledger");
    let told = |text: &str, modes: &[&str]| told(Code::UncoveredPods, text, modes);
    assert_eq!(
        told(&text, &["bank=enforce"]),
        [
            "no Service covers the pods of Deployment bank/cards, in a namespace in enforce: nobody can be approved to call them"
        ]
    );
    assert_eq!(told(&text, &["bank=shadow"]), Vec::<String>::new());
    // What runs to its end is called by nobody, unless it listens.
    let job = |ports: &str| {
        format!(
            "---\napiVersion: batch/v1\nkind: Job\nmetadata: {{namespace: bank, name: once}}\nspec: {{template: {{spec: {{restartPolicy: Never, containers: [{{name: a, image: a{ports}}}]}}}}}}\n"
        )
    };
    let covered = deployment("bank", "ledger", "") + &service("bank", "ledger");
    assert_eq!(told(&(covered.clone() + &job("")), &["bank=enforce"]), Vec::<String>::new());
    assert_eq!(told(&(covered.clone() + &job(", ports: [{containerPort: 80}]")), &["bank=enforce"]).len(), 1);
    let silent = deployment("bank", "cards", "")
        .replace("ports: [{name: http, containerPort: 8080}, {name: metrics, containerPort: 9090}]", "env: []");
    assert_eq!(told(&(covered + &silent), &["bank=enforce"]).len(), 1, "a port need not be named to be listened on");
    let kept_open = text.clone() + &named("open", "off", HTTP);
    assert!(told(&kept_open, &["bank=enforce"])[0].ends_with("no policy stands before them"));
}

#[test]
fn labels_that_only_the_webhook_gives() {
    let pod = |label: &str, calls: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{namespace: shop, name: p, labels: {{{label}: allowed}}, annotations: {{netintent.dev/calls: \"{calls}\"}}}}\nspec: {{containers: [{{name: a, image: a}}]}}\n"
        )
    };
    let approved = crate::testing::approval("bank", "shop/p", "ledger:http");
    let key = "ledger.bank.to.netintent.dev/http";
    let told = |text: &str| told(Code::ReservedLabel, text, &["shop=enforce", "bank=enforce"]).len();
    assert_eq!(told(&(pod(key, "bank/ledger:http") + &approved)), 0, "it was given");
    assert_eq!(told(&(pod(key, "") + &approved)), 1, "it was not");
    assert_eq!(told(&(pod("ledger.bank.to.netintent.dev/metrics", "bank/ledger:http") + &approved)), 1);
    assert_eq!(told(&pod("app.example/x", "")), 0);
    let template = deployment("shop", "web", "bank/ledger:http")
        .replace("labels: {app: web}", &format!("labels: {{app: web, {key}: allowed}}"));
    let approved = crate::testing::approval("bank", "shop/web", "ledger:http");
    assert_eq!(told(&(template + &approved)), 1, "a template never has them");
}

#[test]
fn policies_of_other_apis_are_told_once_a_kind() {
    let of = |name: &str| {
        format!(
            "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {{namespace: bank, name: {name}}}\nspec: {{}}\n"
        )
    };
    let text = deployment("bank", "ledger", "") + &of("a") + &of("b");
    assert_eq!(
        told(Code::ForeignPolicy, &text, &[]),
        ["2 policies of another API may change the verdicts: CiliumNetworkPolicy.cilium.io, the first of them here"]
    );
    let text = deployment("bank", "ledger", "") + &of("a");
    assert_eq!(
        told(Code::ForeignPolicy, &text, &[]),
        ["a policy of another API may change the verdicts: CiliumNetworkPolicy.cilium.io"]
    );
}

#[test]
fn a_list_of_names_is_short() {
    let some = |names: &[&str]| crate::finding::some(names);
    assert_eq!(some(&[]), "");
    assert_eq!(some(&["a"]), "a");
    assert_eq!(some(&["b", "a"]), "a and b");
    assert_eq!(some(&["c", "b", "a", "a"]), "a, b and c");
    assert_eq!(some(&["d", "c", "b", "a"]), "a, b, c and 1 more");
}

#[test]
fn the_pods_of_a_snapshot_are_not_changed_by_a_check() {
    let snapshot = snapshot(&deployment("bank", "ledger", ""), &[]);
    assert!(super::super::check(&snapshot, Vec::new()).is_empty());
}

#[test]
fn versions_that_are_gone_of_kinds_that_are_passed_over() {
    let of = |version: &str, kind: &str| {
        let text = format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\n");
        found(&text, &[]).into_iter().map(|f| (f.code, f.told, f.help.unwrap_or_default())).collect::<Vec<_>>()
    };
    let gone = |now: &str| vec![(Code::OutdatedApiVersion, false, now.to_owned())];
    let rbac = "rbac.authorization.k8s.io/v1";
    assert_eq!(of("rbac.authorization.k8s.io/v1beta1", "ClusterRole"), gone(&format!("write `apiVersion: {rbac}`")));
    assert_eq!(of(rbac, "ClusterRole"), []);
    assert_eq!(of("policy/v1beta1", "PodSecurityPolicy"), gone("remove it: nothing took its place"));
    assert_eq!(of("policy/v1beta1", "PodDisruptionBudget"), gone("write `apiVersion: policy/v1`"));
    assert_eq!(of("extensions/v1beta1", "Ingress"), gone("write `apiVersion: networking.k8s.io/v1`"));
    assert_eq!(of("networking.k8s.io/v1beta1", "IPAddress"), []);
    assert_eq!(of("example.com/v1beta1", "Ingress"), []);
}

#[test]
fn a_field_of_the_pods_is_found_in_every_kind() {
    let spec = "spec: {hostNetwork: true, restartPolicy: Never, containers: [{name: a, image: a}]}";
    let head =
        |api: &str, kind: &str| format!("apiVersion: {api}\nkind: {kind}\nmetadata: {{namespace: bank, name: a}}\n");
    let pod = head("v1", "Pod") + &format!("{spec}\n");
    let job = head("batch/v1", "Job") + &format!("spec: {{template: {{{spec}}}}}\n");
    let cron = head("batch/v1", "CronJob")
        + &format!("spec: {{schedule: '* * * * *', jobTemplate: {{spec: {{template: {{{spec}}}}}}}}}\n");
    for text in [pod, job, cron] {
        assert_eq!(underlined(&text, &one(Code::HostNetwork, &text, &[])), "true", "{text}");
    }
}
