//! The API server and `netintent::manifest` agree on what is an approval or a prohibition.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;
use std::sync::OnceLock;

use netintent::manifest::{decode, text};
use netintent_tests::{ControlPlane, Scratch};
use serde_json::json;

#[path = "crds/cases.rs"]
mod cases;
#[path = "crds/strings.rs"]
mod strings;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// The shared control plane, with the CRDs established and a namespace to put Approvals in.
fn plane() -> Result<&'static ControlPlane> {
    static READY: OnceLock<std::result::Result<&'static ControlPlane, String>> = OnceLock::new();
    let ready = READY.get_or_init(|| install().map_err(|error| error.to_string()));
    Ok(ready.clone()?)
}

fn install() -> Result<&'static ControlPlane> {
    let plane = ControlPlane::shared()?;
    plane.apply_kustomization(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/crd"))?;
    for plural in ["approvals", "clusterapprovals", "clusterprohibitions"] {
        let crd = format!("crd/{plural}.netintent.dev");
        plane.wait("the CRDs are established", &["wait", "--for=condition=Established", "--timeout=10s", &crd])?;
        // Nothing in a schema may be passed over as not structural.
        let condition = "jsonpath={.status.conditions[?(@.type=='NonStructuralSchema')].message}";
        let said = plane.admin().text(["get", &crd, "-o", condition])?;
        assert_eq!(said, "", "{crd}");
    }
    plane.namespace("bank")?;
    Ok(plane)
}

/// What offline reading says: the error's words, if it refuses.
fn offline(manifest: &str) -> Option<String> {
    let documents = match text::documents(manifest.as_bytes()) {
        Ok(documents) => documents,
        Err(error) => return Some(error.message),
    };
    documents.iter().find_map(|document| match text::parse(document) {
        Ok(Some(node)) => decode(&node, 0, "bank").err().map(|error| error.message),
        Ok(None) => None,
        Err(error) => Some(error.message),
    })
}

/// What the API server says of each manifest: its words, if it refuses. All go in one call of kubectl, which tells
/// what is accepted by name, and the errors in the order of the input.
fn server(manifests: &[(String, String)]) -> Result<Vec<Option<String>>> {
    let scratch = Scratch::new()?;
    let all: Vec<&str> = manifests.iter().map(|(_, text)| text.as_str()).collect();
    // What begins like JSON would be read as nothing but JSON.
    let file = scratch.file("all.yaml", format!("---\n{}", all.join("\n---\n")))?;
    let dry_run: [&Path; 4] = ["apply".as_ref(), "--dry-run=server".as_ref(), "-f".as_ref(), &file];
    let output = plane()?.admin().output(dry_run)?;
    let (stdout, stderr) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    let accepted: BTreeSet<&str> =
        stdout.lines().filter_map(|line| line.strip_suffix(" created (server dry run)")?.split('/').nth(1)).collect();
    let lines = format!("\n{stderr}");
    let mut errors = lines.split("\nError from server").skip(1);
    let said = manifests
        .iter()
        .map(|(name, _)| if accepted.contains(name.as_str()) { Ok(None) } else { errors.next().ok_or(name).map(Some) });
    let said: Vec<_> =
        said.collect::<std::result::Result<_, _>>().map_err(|name| format!("no word of {name}: {stderr}"))?;
    match errors.next() {
        Some(more) => Err(format!("kubectl says more than was asked: {more}").into()),
        None => Ok(said.into_iter().map(|words| words.map(str::to_owned)).collect()),
    }
}

#[test]
fn good_and_bad_objects() -> Result {
    let cases = cases::all();
    let manifests: Vec<(String, String)> = cases
        .iter()
        .enumerate()
        .map(|(number, case)| (format!("c{number}"), case.manifest(&format!("c{number}"))))
        .collect();
    let mut wrong = Vec::new();
    for ((case, (_, manifest)), online) in cases.iter().zip(&manifests).zip(server(&manifests)?) {
        let offline = offline(manifest);
        for (who, said, wanted) in [("server", &online, case.server), ("offline", &offline, case.offline)] {
            if said.is_some() != wanted.is_some()
                || wanted.is_some_and(|w| !said.as_ref().is_some_and(|s| s.contains(w)))
            {
                let shown: String = manifest.chars().take(300).collect();
                wrong.push(format!("{who}: wanted {wanted:?}, and got {said:?} for {shown}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn callers_and_callees_are_the_same_strings() -> Result {
    let fields =
        ["Approval", "ClusterApproval", "ClusterProhibition"].map(|kind| [(kind, "callers"), (kind, "callees")]);
    let manifest = |(kind, field): (&str, &str), texts: &[String]| {
        let mut spec = json!({"callers": ["*/*"], "callees": [if kind == "Approval" { "*" } else { "*/*" }]});
        spec[field] = json!(texts);
        json!({"apiVersion": "netintent.dev/v1alpha1", "kind": kind, "metadata": {"name": field}, "spec": spec})
            .to_string()
    };
    // One object with all of them: the API server names each item that is wrong.
    let manifests: Vec<(String, String)> = fields
        .as_flattened()
        .iter()
        .map(|&(kind, field)| (field.to_owned(), manifest((kind, field), &strings::all(field))))
        .collect();
    for (&(kind, field), said) in fields.as_flattened().iter().zip(server(&manifests)?) {
        let (texts, said) = (strings::all(field), said.unwrap_or_default());
        let mut accepted = 0;
        let mut wrong = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let online = !said.contains(&format!("spec.{field}[{index}]: "));
            let offline = offline(&manifest((kind, field), std::slice::from_ref(text)));
            accepted += usize::from(online);
            if online != offline.is_none() {
                wrong.push(format!("{text:?}: the server accepts it {online}, and offline: {offline:?}"));
            }
        }
        assert!(wrong.is_empty(), "{kind} {field}:\n{}", wrong.join("\n"));
        assert!(
            accepted > 10 && texts.len() - accepted > 100,
            "{kind} {field}: {accepted} of {} are good",
            texts.len()
        );
    }
    Ok(())
}

/// What kubectl does not even send is no object that decides nothing, either.
#[test]
fn kinds_and_versions_that_there_are_not() -> Result {
    for (start, said) in [
        ("apiVersion: netintent.dev/v1alpha1, kind: ClusterProhibiton", "netintent.dev has no kind"),
        ("apiVersion: netintent.dev/v1, kind: ClusterProhibition", "no API server serves this version"),
    ] {
        let manifest = format!("{{{start}, metadata: {{name: a}}, spec: {{callers: ['*/*'], callees: ['*/*']}}}}");
        let online = plane()?.admin().pipe(["apply", "--dry-run=server", "-f", "-"], &manifest);
        assert!(online.is_err_and(|error| error.to_string().contains("no matches for kind")), "{manifest}");
        assert!(offline(&manifest).is_some_and(|message| message.contains(said)), "{manifest}");
    }
    Ok(())
}

#[test]
fn kubectl_explains_and_lists_them() -> Result {
    let kubectl = plane()?.admin();
    for (path, words) in [
        ("approval.spec.callers", "Who may call: `namespace/name`, `namespace/*`"),
        ("approval.spec.from", "peers of a NetworkPolicy"),
        ("clusterapproval", "ClusterApproval is the consent of the platform team"),
        ("clusterprohibition.spec.callers", "Names within a namespace are its own to choose"),
    ] {
        let said = kubectl.text(["explain", path])?;
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(words), "{path}: {said}");
    }
    let objects = "
apiVersion: netintent.dev/v1alpha1
kind: Approval
metadata: {namespace: bank, name: frontend-refunds}
spec:
  callers: [shop/frontend]
  callees: ['ledger:rpc']
  reason: refunds, PAY-1234
  expiresAt: 2027-06-30T00:00:00Z
  from: []
---
apiVersion: netintent.dev/v1alpha1
kind: ClusterApproval
metadata: {name: prometheus}
spec: {callers: [monitoring/prometheus], callees: ['*/*:metrics']}
---
apiVersion: netintent.dev/v1alpha1
kind: ClusterProhibition
metadata: {name: dev-prod}
spec: {callers: [dev/*], callees: [prod/*], reason: never}
";
    kubectl.pipe(["apply", "-f", "-"], objects)?;
    for (kind, head, cells) in [
        (
            "appr",
            ["NAME", "CALLERS", "CALLEES", "EXPIRES", "REASON", "AGE"].as_slice(),
            [
                "frontend-refunds",
                r#"["shop/frontend"]"#,
                r#"["ledger:rpc"]"#,
                "2027-06-30T00:00:00Z",
                "refunds, PAY-1234",
            ]
            .as_slice(),
        ),
        (
            "cappr",
            &["NAME", "CALLERS", "CALLEES", "EXPIRES", "REASON", "AGE"],
            &["prometheus", r#"["monitoring/prometheus"]"#, r#"["*/*:metrics"]"#],
        ),
        (
            "cproh",
            &["NAME", "CALLERS", "CALLEES", "REASON", "AGE"],
            &["dev-prod", r#"["dev/*"]"#, r#"["prod/*"]"#, "never"],
        ),
    ] {
        let said = kubectl.text(["get", "-n", "bank", kind])?;
        let mut lines = said.lines();
        assert_eq!(lines.next().map(|l| l.split_whitespace().collect::<Vec<_>>()).as_deref(), Some(head), "{said}");
        let line = lines.next().unwrap_or_default();
        assert!(cells.iter().all(|cell| line.contains(cell)), "{said}");
    }
    let all = kubectl.text(["get", "-A", "netintent", "-o", "name"])?;
    assert_eq!(all.lines().count(), 3, "the category has all kinds: {all}");
    Ok(())
}
