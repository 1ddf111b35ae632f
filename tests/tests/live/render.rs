//! What `render` prints is what a real API server takes, and keeps as what it means.

use std::error::Error;
use std::fs;

use netintent_tests::{ControlPlane, Kubectl, plugin_binary};
use serde_json::Value;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/demo");

/// Unknown fields are refused, and so is whatever the server warns of.
const STRICT: [&str; 4] = ["apply", "--validate=strict", "--warnings-as-errors", "-f"];

/// The administrator's kubectl with the plugin, once the server has these namespaces.
fn kubectl(plane: &ControlPlane, namespaces: &[&str]) -> Result<Kubectl> {
    for namespace in namespaces {
        plane.namespace(namespace)?;
    }
    Ok(plane.admin().with_plugin(&plugin_binary()?)?)
}

/// What `kubectl netintent` prints with these arguments.
fn netintent(kubectl: &Kubectl, args: &[&str]) -> Result<String> {
    Ok(kubectl.text(["netintent"].iter().chain(args))?)
}

/// What kubectl says of each object, in words after its name; of as many as the text has documents.
fn verdicts(said: &str, rendered: &str) -> Result<Vec<String>> {
    let words: Option<Vec<String>> =
        said.lines().map(|line| line.split_once(' ').map(|(_, words)| words.to_owned())).collect();
    let words = words.ok_or_else(|| said.to_owned())?;
    assert_eq!(words.len(), rendered.split("---\n").count(), "{said}");
    Ok(words)
}

/// The server takes the rendering of these files as YAML and as JSON.
fn is_taken(kubectl: &Kubectl, input: &[&str]) -> Result<String> {
    let rendered = netintent(kubectl, &[&["render"], input].concat())?;
    let list = netintent(kubectl, &[&["render", "-o", "json"], input].concat())?;
    for text in [&rendered, &list] {
        let said = kubectl.pipe([&STRICT[..], &["-", "--dry-run=server"]].concat(), text)?;
        for words in verdicts(&said, &rendered)? {
            assert_eq!(words, "created (server dry run)", "{said}");
        }
    }
    Ok(rendered)
}

#[test]
fn the_server_takes_the_demo() -> Result {
    let kubectl = kubectl(ControlPlane::shared()?, &["bank", "shop", "platform"])?;
    let rendered = is_taken(&kubectl, &["-f", DEMO])?;
    let enforced = is_taken(&kubectl, &["-f", DEMO, "--mode", "*=enforce"])?;
    assert_eq!((rendered.split("---\n").count(), enforced.split("---\n").count()), (8, 10));
    Ok(())
}

/// Byte for byte, whether they come from the rendering or from the server that keeps them.
#[test]
fn list_is_unchanged_by_the_policies_of_the_demo() -> Result {
    // Others find policies of these names in the way.
    let plane = ControlPlane::start()?;
    let kubectl = kubectl(&plane, &["bank", "shop", "platform"])?;
    let list = |more: &[&str]| netintent(&kubectl, &[&["list", "-o", "json", "-f", DEMO], more].concat());
    let render = |more: &[&str]| netintent(&kubectl, &[&["render", "-f", DEMO], more].concat());
    let (before, rendered) = (list(&[])?, render(&[])?);
    assert_eq!(rendered, render(&[])?, "another run prints something else");

    let kept = kubectl.scratch().path().join("kept.json");
    let file = kubectl.scratch().file("rendered.yaml", &rendered)?;
    let path = file.to_str().ok_or("the path is no text")?;
    assert_eq!(list(&["-f", path])?, before);
    assert_eq!(render(&["-f", path])?, rendered);

    for again in [false, true] {
        let said = kubectl.text([&STRICT[..], &[path]].concat())?;
        for (line, words) in said.lines().zip(verdicts(&said, &rendered)?) {
            // The server keeps an empty list of rules as none, so kubectl takes it for a change each time.
            let empty = line.starts_with("networkpolicy.networking.k8s.io/netintent ");
            assert_eq!(
                words,
                if !again {
                    "created"
                } else if empty {
                    "configured"
                } else {
                    "unchanged"
                },
                "{said}"
            );
        }
    }
    let text = kubectl.text(["get", "networkpolicies", "-A", "-o", "json"])?;
    let objects: Value = serde_json::from_str(&text)?;
    assert_eq!(objects["items"].as_array().map(Vec::len), Some(rendered.split("---\n").count()));
    fs::write(&kept, text)?;
    let kept = kept.to_str().ok_or("the path is no text")?;
    assert_eq!(list(&["-f", kept])?, before);
    // No word of an edit: what the server keeps is what was rendered.
    let said = kubectl.output(["netintent", "render", "-f", DEMO, "-f", kept])?;
    assert_eq!(String::from_utf8(said.stderr)?, "");
    assert_eq!(String::from_utf8(said.stdout)?, rendered);
    Ok(())
}

/// Applied again, a policy is what was rendered, also where somebody opened it meanwhile. That is what the empty list of
/// rules is for, which the policy of a namespace has.
#[test]
fn what_somebody_added_is_taken_away() -> Result {
    let kubectl = kubectl(ControlPlane::shared()?, &["closed"])?;
    let manifest = "{apiVersion: v1, kind: Namespace, metadata: {name: closed, labels: {netintent.dev/mode: enforce}}}";
    let rendered = kubectl.pipe(["netintent", "render", "-f", "-"], manifest)?;
    let apply = |more: &[&str]| kubectl.pipe([&STRICT[..], &["-"], more].concat(), &rendered);
    let rules =
        || kubectl.text(["get", "networkpolicy", "netintent", "-n", "closed", "-o", "jsonpath={.spec.ingress}"]);
    apply(&[])?;
    assert_eq!(rules()?, "");
    for how in [&[][..], &["--server-side", "--force-conflicts"]] {
        let open = r#"{"spec": {"ingress": [{}]}}"#;
        kubectl.text(["patch", "networkpolicy", "netintent", "-n", "closed", "--type=merge", "-p", open])?;
        assert_eq!(rules()?, "[{}]");
        apply(how)?;
        assert_eq!(rules()?, "", "{how:?}");
    }
    Ok(())
}

/// Services that a server takes, and as odd as it takes them; the names are 63 characters long, or words of YAML.
fn odd(namespace: &str, long: &str) -> String {
    let service = |name: &str, spec: &str| {
        format!("apiVersion: v1\nkind: Service\nmetadata: {{namespace: {namespace}, name: \"{name}\"}}\nspec: {spec}\n")
    };
    let port = |number: u16, name: &str, target: &str, protocol: &str| {
        format!("{{port: {number}, name: \"{name}\", targetPort: {target}, protocol: {protocol}}}")
    };
    let several = [
        port(1, "on", "\"on\"", "TCP"),
        port(65535, "8080", "8080", "TCP"),
        port(2, long, "fifteen-letters", "UDP"),
        port(3, "null", "1e3", "SCTP"),
        port(4, "same-pod-port", "8080", "TCP"),
    ];
    let several = several.join(", ");
    let values = "{a: \"true\", b: \"1e3\", c: \"0x1f\", d: \"1_000\", e: \"012\", f: \"null\", g: \"\", \"on\": \"off\", example.com/h: \"Y\"}";
    let from = "\
        apiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {namespace: NAMESPACE, name: from}\nspec:\n  \
        callees: [\"*\"]\n  from:\n  - ipBlock: {cidr: 10.1.2.3/8, except: [10.2.3.4/16]}\n  \
        - ipBlock: {cidr: \"2001:DB8::1/32\"}\n  - ipBlock: {cidr: 0.0.0.0/0}\n  - podSelector: {}\n  \
        - namespaceSelector: {}\n  - podSelector: {matchExpressions: [{key: a, operator: NotIn, values: [\"1\", \"\"]}, \
        {key: \"on\", operator: DoesNotExist}, {key: a, operator: In, values: [b, c]}]}\n    \
        namespaceSelector: {matchLabels: {\"null\": \"true\"}}\n";
    let alone = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: NAMESPACE, labels: {netintent.dev/mode: enforce}}\n---\n";
    [
        service(long, &format!("{{selector: {{app: {long}}}, ports: [{several}]}}")),
        service("headless", "{clusterIP: None, selector: {app: headless}}"),
        service("no", &format!("{{selector: {values}, ports: [{{port: 80}}]}}")),
        service(
            "sctp",
            "{selector: {app: sctp}, ports: [{port: 3868, protocol: SCTP}, {port: 53, name: dns, protocol: UDP}]}",
        )
        .replace("ports: [{port: 3868,", "ports: [{port: 3868, name: diameter,"),
        service("typed", "{selector: {app: typed}, ports: [{port: 80, targetPort: http}]}")
            .replace("name: \"typed\"", "name: typed, labels: {netintent.dev/type: store}"),
    ]
    .join("---\n")
        + &alone.replace("NAMESPACE", namespace)
        + &from.replace("NAMESPACE", namespace)
}

#[test]
fn the_server_takes_the_policies_of_odd_services() -> Result {
    let long = format!("l{}g", "o".repeat(61));
    for namespace in ["odd", long.as_str(), "\"1e3\"", "\"null\""] {
        let name = namespace.trim_matches('"');
        let kubectl = kubectl(ControlPlane::shared()?, &[namespace])?;
        let manifest = odd(namespace, &long);
        let services: Vec<&str> = manifest.split("---\n").filter(|text| text.contains("kind: Service\n")).collect();
        assert_eq!(services.len(), 5);
        kubectl.pipe([&STRICT[..], &["-", "--dry-run=server"]].concat(), &services.join("---\n"))?;
        let file = kubectl.scratch().file(&format!("odd-{name}.yaml"), &manifest)?;
        let file = file.to_str().ok_or("the path is no text")?;
        let rendered = is_taken(&kubectl, &["-f", file])?;
        // One a Service, and that of the namespace.
        assert_eq!(rendered.split("---\n").count(), 6, "{rendered}");
        assert!(rendered.contains(&format!("name: netintent-{long}\n")), "{rendered}");
    }
    Ok(())
}
