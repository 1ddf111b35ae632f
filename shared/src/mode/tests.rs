//! What a mode would cut, and what stands against it.

use super::{Counts, Mode, ModeOverride, Origin, Reason, Stop, Subject, overridden, settled, stops, warnings};
use crate::finding::Code;
use crate::snapshot::{Options, Snapshot};
use crate::testing::{NOW, approval, deployment, objects, service};

fn subject(name: &str) -> Subject {
    let (namespace, service) = name.split_once('/').map_or((name, None), |(n, s)| (n, Some(s.to_owned())));
    Subject { namespace: namespace.to_owned(), service }
}

fn namespace(name: &str, mode: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{netintent.dev/mode: \"{mode}\"}}}}\n"
    )
}

/// The bank, with one approved caller, one that is not, and one that declares nothing.
fn bank(mode: &str) -> String {
    [
        namespace("bank", mode),
        namespace("shop", "shadow"),
        service("bank", "ledger"),
        deployment("bank", "ledger", ""),
        deployment("shop", "web", "bank/ledger:http"),
        deployment("shop", "report", "bank/ledger:http"),
        deployment("shop", "other", ""),
        approval("bank", "shop/web", "ledger:http"),
    ]
    .concat()
}

fn observed(text: &str) -> Snapshot {
    Snapshot::new(objects(text), &Options { observed: true, ..Options::at(NOW.parse().unwrap()) })
}

fn counts(text: &str, name: &str, mode: Mode) -> (usize, usize, usize) {
    let snapshot = observed(text);
    let after = settled(&snapshot, Some((&subject(name), mode)));
    let Counts { cut, declared, opened } = Counts::of(&settled(&snapshot, None), &after);
    (cut, declared, opened)
}

fn stopped(text: &str, name: &str, mode: Mode) -> Vec<Stop> {
    let now = observed(text);
    let after = settled(&now, Some((&subject(name), mode)));
    stops(&now, &settled(&now, None), &after, mode)
}

#[test]
fn enforce_cuts_whom_nobody_approved_and_off_opens_to_all() {
    // web keeps its port and loses the others, report loses what it declares, and other and the outside all.
    assert_eq!(counts(&bank("shadow"), "bank", Mode::Enforce), (4, 1, 0));
    assert_eq!(counts(&bank("shadow"), "bank/ledger", Mode::Enforce), (4, 1, 0));
    assert_eq!(counts(&bank("shadow"), "bank", Mode::Off), (0, 0, 0));
    assert_eq!(counts(&bank("enforce"), "bank", Mode::Off), (0, 0, 4));
    assert_eq!(counts(&bank("enforce"), "bank", Mode::Enforce), (0, 0, 0));
    // A caller whose namespace leaves has no label any more.
    assert_eq!(counts(&bank("enforce"), "shop", Mode::Off), (1, 1, 0));
}

#[test]
fn what_the_controller_has_still_to_do_is_no_difference() {
    let ours = |name: &str| {
        format!(
            "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{namespace: bank, name: {name}, labels: {{app.kubernetes.io/managed-by: netintent}}}}\nspec: {{podSelector: {{}}, policyTypes: [Ingress]}}\n"
        )
    };
    // Policies that are there open again, though they stand in the cluster.
    let text = bank("enforce") + &ours("netintent") + &ours("netintent-ledger");
    assert_eq!(counts(&text, "bank", Mode::Off), (0, 0, 4));
    // Somebody else's of such a name stays.
    let text = bank("shadow") + &ours("netintent-ledger").replace("netintent}}", "helm}}");
    assert_eq!(counts(&text, "bank", Mode::Enforce), (0, 0, 0));
}

#[test]
fn a_mode_has_an_origin() {
    let own = service("bank", "cards").replace("name: cards}", "name: cards, labels: {netintent.dev/mode: shadow}}");
    let odd = service("bank", "odd").replace("name: odd}", "name: odd, labels: {netintent.dev/mode: strict}}");
    let text = bank("enforce")
        + &own
        + &odd
        + &namespace("odd", "enforced")
        + "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: bare}\n";
    let snapshot = observed(&text);
    let mode = |name: &str| subject(name).mode(&snapshot);
    assert_eq!(mode("bank"), Some((Mode::Enforce, Origin::Own)));
    assert_eq!(mode("bank/ledger"), Some((Mode::Enforce, Origin::Namespace)));
    assert_eq!(mode("bank/cards"), Some((Mode::Shadow, Origin::Own)));
    assert_eq!(mode("bank/odd"), Some((Mode::Enforce, Origin::Unknown("strict".to_owned()))));
    assert_eq!(mode("odd"), Some((Mode::Off, Origin::Unknown("enforced".to_owned()))));
    assert_eq!(mode("bare"), Some((Mode::Off, Origin::Nothing)));
    assert_eq!((mode("none"), mode("bank/none")), (None, None));
    assert_eq!(subject("bank").overrides(&snapshot), [("cards", Mode::Shadow)]);
    let options = Options { modes: vec!["bare=shadow".parse().unwrap()], ..snapshot.options.clone() };
    let given = Snapshot::new(snapshot.objects.clone(), &options);
    assert_eq!(subject("bare").mode(&given), Some((Mode::Shadow, Origin::Given)));
}

#[test]
fn a_label_that_nobody_gave_stops_all_but_leaving() {
    let pod = "---\napiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: forger, labels: {ledger.bank.to.netintent.dev/http: allowed}}\nspec: {containers: [{name: a, image: a}]}\n";
    let text = bank("shadow") + pod;
    for mode in [Mode::Enforce, Mode::Shadow] {
        let found = stopped(&text, "bank", mode);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].reason, Reason::UngrantedLabel);
        assert!(found[0].message.starts_with("Pod shop/forger has the label ledger.bank.to"), "{found:?}");
    }
    assert_eq!(stopped(&text, "bank", Mode::Off), []);
    assert_eq!(stopped(&bank("shadow"), "bank", Mode::Enforce), []);
}

const SLICES: &str = "---\napiVersion: v1\nkind: Service\nmetadata: {namespace: bank, name: primary}\nspec: {ports: [{port: 5432}]}\n\
---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {namespace: bank, name: primary-1, labels: {kubernetes.io/service-name: primary}}\nendpoints: [{addresses: [10.0.0.7]}]\nports: [{port: PORT}]\n\
---\napiVersion: v1\nkind: Pod\nmetadata: {namespace: bank, name: ledger-0, labels: {app: LABEL}}\nspec: {containers: [{name: a, image: a, ports: [{containerPort: 8080, name: http}, {containerPort: 9090, name: metrics}]}]}\nstatus: {podIP: 10.0.0.7}\n";

#[test]
fn pods_behind_a_service_without_selector_are_not_closed_to_all() {
    let with = |port: &str, label: &str| bank("shadow") + &SLICES.replace("PORT", port).replace("LABEL", label);
    let found = stopped(&with("5432", "other"), "bank", Mode::Enforce);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].reason, Reason::NoSelector);
    assert!(
        found[0].message.contains("Service bank/primary has no selector")
            && found[0].message.ends_with(": bank/ledger-0")
    );
    // The ledger's Service leads there too, by that port or not.
    assert_eq!(stopped(&with("5432", "ledger"), "bank", Mode::Enforce).len(), 1);
    assert_eq!(stopped(&with("9090", "ledger"), "bank", Mode::Enforce), []);
    // What closes nothing of it.
    assert_eq!(stopped(&with("5432", "other"), "bank/ledger", Mode::Enforce), []);
    assert_eq!(stopped(&with("5432", "other"), "bank", Mode::Shadow), []);
    // By name, where the address is another's.
    let named = with("5432", "other").replace("[10.0.0.7]}]", "[fd00::1], targetRef: {kind: Pod, name: ledger-0}}]");
    assert_eq!(stopped(&named, "bank", Mode::Enforce).len(), 1);
}

const CALLERS: &str = "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {namespace: bank, name: web}\nspec: {defaultBackend: {service: {name: ledger, port: {number: 80}}}}\n\
---\napiVersion: gateway.networking.k8s.io/v1\nkind: GRPCRoute\nmetadata: {namespace: bank, name: route}\nspec: {rules: [{backendRefs: [{name: ledger, port: 80}]}]}\n\
---\napiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration\nmetadata: {name: hook}\nwebhooks: [{clientConfig: {service: {namespace: bank, name: ledger}}}]\n\
---\napiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1.a.b}\nspec: {service: {namespace: bank, name: ledger}}\n\
---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: as.a.b}\nspec: {conversion: {webhook: {clientConfig: {service: {namespace: bank, name: ledger}}}}}\n\
---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {namespace: default, name: kubernetes, labels: {kubernetes.io/service-name: kubernetes}}\nendpoints: [{addresses: [192.0.2.1, 'fd00::1']}]\n";

#[test]
fn who_can_carry_no_intent_is_let_in_first() {
    let exposed = bank("shadow")
        .replace("spec:\n  selector: {app: ledger}", "spec:\n  type: LoadBalancer\n  selector: {app: ledger}");
    let text = exposed + CALLERS;
    let found = stopped(&text, "bank", Mode::Enforce);
    assert!(found.iter().all(|stop| stop.reason == Reason::WithoutFrom && stop.object.name == "ledger"), "{found:?}");
    assert_eq!(
        found.iter().map(|stop| stop.paste.is_some()).collect::<Vec<_>>(),
        [true, false, false, false, false, false]
    );
    let paste = found[0].paste.clone().unwrap();
    let expected = "apiVersion: netintent.dev/v1alpha1
kind: Approval
metadata: {namespace: bank, name: from-outside.ledger}
spec:
  callees: [\"ledger\"]
  from:
    # type: LoadBalancer: everybody, with many network plugins every pod too: write narrower blocks, those of the nodes included
    - ipBlock: {cidr: \"0.0.0.0/0\"}
    - ipBlock: {cidr: \"::/0\"}
    # Ingress bank/web: the pods of the ingress controller; write the name of their namespace
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: <namespace of the ingress controller>}}
    # GRPCRoute bank/route: the pods of the gateway; write the name of their namespace
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: <namespace of the gateway>}}
    # MutatingWebhookConfiguration hook, APIService v1.a.b, CustomResourceDefinition as.a.b: the API server; where it calls by way of a tunnel's pods, name those
    - ipBlock: {cidr: \"192.0.2.1/32\"}
    - ipBlock: {cidr: \"fd00::1/128\"}
";
    assert_eq!(paste, expected);
    // As it is printed it lets the outside in, and what is still to be written lets in nobody.
    assert_eq!(stopped(&format!("{text}---\n{paste}"), "bank", Mode::Enforce), []);
    let left = objects(&format!("---\n{paste}")).approvals.remove(0).from;
    assert_eq!(left.iter().map(|from| from.peer.is_ok()).collect::<Vec<_>>(), [true, true, false, false, true, true]);
    let only_ingress: String = paste.split_inclusive('\n').filter(|line| !line.contains("ipBlock")).collect();
    assert_eq!(stopped(&format!("{text}---\n{only_ingress}"), "bank", Mode::Enforce).len(), 6);
    // What is so already is not the change's doing, and shadow closes nothing.
    assert_eq!(stopped(&text.replace("mode: \"shadow\"", "mode: \"enforce\""), "shop", Mode::Shadow), []);
    assert_eq!(stopped(&text, "bank", Mode::Shadow), []);
}

#[test]
fn besides_connections_what_a_mode_leaves_open_or_cuts_by_the_way_is_told() {
    let second = service("bank", "second").replace("app: second", "app: ledger");
    let snapshot = observed(&(bank("shadow") + &second));
    let of = |name: &str| -> Vec<Code> {
        let after = settled(&snapshot, Some((&subject(name), Mode::Enforce)));
        warnings(&settled(&snapshot, None), &after).into_iter().map(|finding| finding.code).collect()
    };
    assert_eq!(of("bank"), []);
    assert_eq!(of("bank/ledger"), [Code::MixedModes]);
}

#[test]
fn a_name_beats_the_star_and_the_later_the_earlier() {
    let overrides: Vec<ModeOverride> =
        ["*=enforce", "bank=off", "bank=shadow"].iter().map(|t| t.parse().unwrap()).collect();
    assert_eq!(overridden(&overrides, "bank"), Some(Mode::Shadow));
    assert_eq!(overridden(&overrides, "shop"), Some(Mode::Enforce));
    assert_eq!(overridden(&[], "shop"), None);
}

#[test]
fn what_is_no_override_says_why() {
    assert_eq!("bank".parse::<ModeOverride>().unwrap_err(), "`bank` is not of the form NAMESPACE=MODE");
    assert_eq!("bank=on".parse::<ModeOverride>().unwrap_err(), "`on` is no mode: off, shadow or enforce");
    assert!("Bank=off".parse::<ModeOverride>().is_err());
}
