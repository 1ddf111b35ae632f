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
    // Of a Service with an address, no port leads nowhere; of a headless one, anywhere, as an element without a number does.
    let ports = |written: &str, label: &str, headless: bool| {
        let text = with("9090", label).replace("ports: [{port: 9090}]", written);
        if headless {
            text.replace("name: primary}\nspec: {", "name: primary}\nspec: {clusterIP: None, ")
        } else {
            text
        }
    };
    for none in ["ports: []", "ports: null", "addressType: IPv4"] {
        for label in ["ledger", "other"] {
            assert_eq!(stopped(&ports(none, label, false), "bank", Mode::Enforce), [], "{none} {label}");
            let found = stopped(&ports(none, label, true), "bank", Mode::Enforce);
            assert_eq!(found.len(), 1, "{none} {label}");
            assert!(found[0].help.contains("name no port, which is every port"), "{found:?}");
        }
    }
    for every in ["ports: [{name: all}]", "ports: [{port: 9090}, {name: all}]"] {
        assert_eq!(stopped(&ports(every, "ledger", false), "bank", Mode::Enforce).len(), 1, "{every}");
    }
    assert_eq!(stopped(&ports("ports: [{port: 9090}]", "ledger", true), "bank", Mode::Enforce), []);
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
    # type: LoadBalancer: the addresses that its pods see: mostly those of the nodes, and with
    # externalTrafficPolicy: Local, or some load balancers, those of the callers;
    # each block lets in whatever has an address in it, with many network plugins pods too;
    # 0.0.0.0/0 and ::/0 are everybody, and with such plugins every pod of the cluster
    - ipBlock: {cidr: <address that calls it>/32}
    # Ingress bank/web: the pods of the ingress controller; write the name of their namespace
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: <namespace of the ingress controller>}}
    # GRPCRoute bank/route: the pods of the gateway; write the name of their namespace
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: <namespace of the gateway>}}
    # MutatingWebhookConfiguration hook, APIService v1.a.b, CustomResourceDefinition as.a.b: the API server; where it calls by way of a tunnel's pods, name those
    - ipBlock: {cidr: \"192.0.2.1/32\"}
    - ipBlock: {cidr: \"fd00::1/128\"}
";
    assert_eq!(paste, expected);
    // As it is printed it lets in the API server, and what is still to be written lets in nobody.
    let left = objects(&format!("---\n{paste}")).approvals.remove(0).from;
    assert_eq!(left.iter().map(|from| from.peer.is_ok()).collect::<Vec<_>>(), [false, false, false, true, true]);
    let found = stopped(&format!("{text}---\n{paste}"), "bank", Mode::Enforce);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0]
            .message
            .starts_with("Approval bank/from-outside.ledger has something under `from` that lets in nobody: "),
        "{found:?}"
    );
    let complete = paste
        .replace("<address that calls it>", "192.0.2.1")
        .replace("<namespace of the ingress controller>", "ingress")
        .replace("<namespace of the gateway>", "gateway");
    assert_eq!(stopped(&format!("{text}---\n{complete}"), "bank", Mode::Enforce), [], "{complete}");
    let only_ingress: String = paste.split_inclusive('\n').filter(|line| !line.contains("ipBlock")).collect();
    assert_eq!(stopped(&format!("{text}---\n{only_ingress}"), "bank", Mode::Enforce).len(), 7);
    // What is so already is not the change's doing, and shadow closes nothing.
    assert_eq!(stopped(&text.replace("mode: \"shadow\"", "mode: \"enforce\""), "shop", Mode::Shadow), []);
    assert_eq!(stopped(&text, "bank", Mode::Shadow), []);
}

/// What is printed for whoever comes by the type of a Service, as it is and with other fields.
fn paste(fields: &str) -> String {
    let text = bank("shadow")
        .replace("spec:\n  selector: {app: ledger}", &format!("spec:\n  {fields}\n  selector: {{app: ledger}}"));
    stopped(&text, "bank", Mode::Enforce).remove(0).paste.unwrap()
}

/// The peers that it is applied with.
fn blocks(paste: &str) -> Vec<String> {
    let from = objects(&format!("---\n{paste}")).approvals.remove(0).from;
    from.into_iter()
        .filter_map(|from| Some(from.peer.ok()?.addresses().cidrs()))
        .flatten()
        .map(|c| c.to_string())
        .collect()
}

#[test]
fn what_is_printed_opens_nothing_that_nobody_has_decided() {
    let ranges = "loadBalancerSourceRanges: [192.0.2.0/24, ' 2001:db8::/32']";
    for fields in ["type: NodePort", "type: LoadBalancer", "type: NodePort\n  externalTrafficPolicy: Local"] {
        let text = paste(fields);
        assert!(text.contains("<address that calls it>") && text.contains("everybody"), "{text}");
        assert_eq!(blocks(&text), [""; 0], "{text}");
    }
    // The pods may see whom the load balancer lets in, or nodes, or the load balancer: it is offered.
    for local in ["", "externalTrafficPolicy: Local\n  "] {
        let text = paste(&format!("type: LoadBalancer\n  {local}{ranges}"));
        assert!(text.contains("# - ipBlock: {cidr: \"192.0.2.0/24\"}") && blocks(&text).is_empty(), "{text}");
        assert!(text.contains("<address that calls it>"), "{text}");
    }
    // Everybody is no narrower choice, and a node's port knows no ranges.
    for fields in [
        "type: LoadBalancer\n  externalTrafficPolicy: Local\n  loadBalancerSourceRanges: [0.0.0.0/0]",
        &format!("type: NodePort\n  externalTrafficPolicy: Local\n  {ranges}"),
    ] {
        let text = paste(fields);
        assert!(blocks(&text).is_empty() && !text.contains("SourceRanges"), "{text}");
    }
}

/// Another Service on the ledger's pods.
fn public(r#type: &str, mode: &str, ports: &str) -> String {
    let labels = if mode.is_empty() { String::new() } else { format!(", labels: {{netintent.dev/mode: \"{mode}\"}}") };
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{namespace: bank, name: public{labels}}}\nspec: {{type: {type}, selector: {{app: ledger}}, ports: [{ports}]}}\n"
    )
}

#[test]
fn callers_of_another_service_on_the_same_pods_are_cut_too() {
    const HTTP: &str = "{port: 443, targetPort: http}";
    let with = |r#type: &str, mode: &str, ports: &str| bank("shadow") + &public(r#type, mode, ports);
    let text = with("LoadBalancer", "", HTTP);
    let found = stopped(&text, "bank/ledger", Mode::Enforce);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].reason, found[0].object.name.as_str()), (Reason::WithoutFrom, "public"));
    assert_eq!(
        found[0].message,
        "Service bank/public is a LoadBalancer in shadow, and the policy of Service bank/ledger in enforce, on the same pods, would cut its callers: no `from` lets them in"
    );
    assert!(found[0].help.contains("Approval in namespace bank with callees: [ledger:http]"), "{found:?}");
    // What is printed is what it takes, once it is completed.
    let paste = found[0].paste.clone().unwrap();
    assert!(
        paste.contains("name: from-outside.public.ledger}") && paste.contains("callees: [\"ledger:http\"]"),
        "{paste}"
    );
    assert_eq!(
        stopped(&format!("{text}---\n{paste}"), "bank/ledger", Mode::Enforce).len(),
        2,
        "as it is, nobody is let in"
    );
    let complete = paste.replace("<address that calls it>", "192.0.2.1");
    assert_eq!(stopped(&format!("{text}---\n{complete}"), "bank/ledger", Mode::Enforce), []);
    // What is said of its own lets in nobody, as long as it has no policy.
    let own = complete.replace("ledger:http", "public");
    assert_eq!(stopped(&format!("{text}---\n{own}"), "bank/ledger", Mode::Enforce).len(), 1);
    // Together with it, it is the other's own `from` that is missing.
    let found = stopped(&text, "bank", Mode::Enforce);
    assert!(found.len() == 1 && found[0].message.contains("is a LoadBalancer in enforce"), "{found:?}");
    // With a mode of its own it stays behind when its namespace goes.
    for mode in ["shadow", "off"] {
        let found = stopped(&with("NodePort", mode, HTTP), "bank", Mode::Enforce);
        assert!(found.len() == 1 && found[0].message.contains(&format!("is a NodePort in {mode}, and")), "{found:?}");
    }
    // Who calls by name can carry no intent either.
    let ingress = "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {namespace: bank, name: web}\nspec: {defaultBackend: {service: {name: public}}}\n";
    let named = with("ClusterIP", "", HTTP) + ingress;
    let found = stopped(&named, "bank/ledger", Mode::Enforce);
    assert!(
        found.len() == 1 && found[0].message.starts_with("Ingress bank/web calls Service bank/public,"),
        "{found:?}"
    );
    // By a port to which no Service in enforce leads, nothing can let them in.
    let found = stopped(
        &with("LoadBalancer", "", "{name: a, port: 1}, {name: b, port: 2, targetPort: http}"),
        "bank/ledger",
        Mode::Enforce,
    );
    assert!(found.len() == 1 && found[0].paste.is_none(), "{found:?}");
    assert!(
        found[0].help.starts_with("no Service in enforce leads where public:a does: add such a port to Service ledger"),
        "{found:?}"
    );
    // Nobody is cut: by pods it has no callers from outside, others' pods stay open, and what is closed already is not the change's doing.
    for (text, subject, mode) in [
        (with("ClusterIP", "", HTTP), "bank/ledger", Mode::Enforce),
        (text.clone(), "bank/ledger", Mode::Shadow),
        (
            text.replace("selector: {app: ledger}, ports: [{port: 443", "selector: {app: other}, ports: [{port: 443"),
            "bank/ledger",
            Mode::Enforce,
        ),
    ] {
        assert_eq!(stopped(&text, subject, mode), [], "{subject} {mode}");
    }
    let closed = bank("enforce") + &public("LoadBalancer", "shadow", HTTP);
    assert_eq!(stopped(&closed, "shop", Mode::Enforce), []);
    // A policy of somebody's own closes the pods and lets them in: it does so afterwards too.
    let theirs = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: bank, name: theirs}\nspec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}\n";
    assert_eq!(stopped(&(text + theirs), "bank/ledger", Mode::Enforce), []);
}

#[test]
fn a_service_that_leaves_enforce_beside_one_that_stays_is_closed_by_that_one() {
    let public = public("LoadBalancer", "", "{port: 443, targetPort: http}");
    let from = "---\napiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {namespace: bank, name: from}\nspec: {callees: [public], from: [{ipBlock: {cidr: 192.0.2.1/32}}]}\n";
    let let_in = bank("enforce") + &public + from;
    for mode in [Mode::Shadow, Mode::Off] {
        let found = stopped(&let_in, "bank/public", mode);
        assert!(found.len() == 1 && found[0].message.contains("would cut its callers"), "{found:?}");
        // All of it together opens.
        assert_eq!(stopped(&let_in, "bank", mode), []);
        // Whom nobody let in before is cut by nothing new.
        assert_eq!(stopped(&(bank("enforce") + &public), "bank/public", mode), []);
    }
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
