//! Every command in every format, word for word. What the words mean is checked in `demo`; this keeps them from
//! changing unread. `SNAPSHOTS=overwrite cargo test -p kubectl-netintent` keeps what is said now.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::run::{root, run, run_on, snapshots};
use crate::values::{json, yaml};

/// The name of the snapshot, and the arguments; each gets `-f manifests/demo`.
const CASES: &[(&str, &[&str])] = &[
    ("explain/allowed", &["explain", "shop/frontend", "bank/ledger:rpc"]),
    ("explain/allowed-wide", &["explain", "shop/frontend", "bank/ledger:rpc", "-o", "wide"]),
    ("explain/allowed-markdown", &["explain", "shop/frontend", "bank/ledger:rpc", "-o", "markdown"]),
    ("explain/allowed-name", &["explain", "shop/frontend", "bank/ledger:rpc", "-o", "name"]),
    ("explain/allowed-from", &["explain", "platform/ingress-controller", "shop/frontend:http"]),
    ("explain/allowed-service-account", &["explain", "platform/prometheus", "bank/ledger-db:metrics"]),
    ("explain/allowed-own-pods", &["explain", "bank/ledger-db", "bank/ledger-db:postgres"]),
    ("explain/allowed-shadow", &["explain", "platform/dashboard", "platform/prometheus:web"]),
    ("explain/allowed-open", &["explain", "shop/frontend", "platform/deploy/dashboard"]),
    ("explain/allowed-to-address", &["explain", "bank/ledger", "203.0.113.7:443"]),
    ("explain/allowed-pod-port", &["explain", "shop/frontend", "bank/deploy/ledger:8080"]),
    ("explain/denied", &["explain", "shop/frontend", "bank/cards:8443"]),
    ("explain/denied-wide", &["explain", "shop/frontend", "bank/cards:8443", "-o", "wide"]),
    ("explain/denied-markdown", &["explain", "shop/frontend", "bank/cards:8443", "-o", "markdown"]),
    ("explain/denied-name", &["explain", "shop/frontend", "bank/cards:8443", "-o", "name"]),
    ("explain/denied-json", &["explain", "shop/frontend", "bank/cards:8443", "-o", "json"]),
    ("explain/denied-yaml", &["explain", "shop/frontend", "bank/cards:8443", "-o", "yaml"]),
    ("explain/denied-quiet", &["explain", "shop/frontend", "bank/cards:8443", "-q"]),
    ("explain/denied-misspelt", &["explain", "shop/report", "bank/ledger:rpc"]),
    ("explain/denied-undeclared", &["explain", "bank/ledger", "shop/frontend:http"]),
    ("explain/denied-address", &["explain", "203.0.113.7", "shop/frontend:http"]),
    (
        "explain/denied-unmanaged",
        &["explain", "--mode", "platform=off", "platform/ingress-controller", "bank/ledger:rpc"],
    ),
    ("explain/in-part", &["explain", "shop/frontend", "bank/ledger"]),
    ("explain/in-part-markdown", &["explain", "shop/frontend", "bank/ledger", "-o", "markdown"]),
    ("explain/in-part-json", &["explain", "shop/frontend", "bank/ledger", "-o", "json"]),
    ("list/table", &["list"]),
    ("list/wide", &["list", "-o", "wide"]),
    ("list/name", &["list", "-o", "name"]),
    ("list/json", &["list", "-o", "json"]),
    ("list/yaml", &["list", "-o", "yaml", "--to", "bank/ledger"]),
    ("list/markdown", &["list", "-o", "markdown"]),
    ("list/no-headers", &["list", "--no-headers", "--to", "bank/ledger"]),
    ("list/self", &["list", "--self", "--to", "bank/ledger-db"]),
    ("list/from", &["list", "--from", "shop/frontend"]),
    ("list/to", &["list", "--to", "bank/ledger"]),
    ("list/from-to-none", &["list", "--from", "shop/report", "--to", "bank/ledger"]),
    ("list/selector", &["list", "-l", "app in (cart, cart-cache)"]),
    ("list/verbose", &["list", "-v", "--to", "bank/ledger"]),
    ("list/mode", &["list", "--mode", "platform=enforce", "--to", "platform/prometheus"]),
    ("list/mode-all", &["list", "--mode", "*=off", "--to", "bank/ledger"]),
    ("list/declared", &["list", "--declared"]),
    ("list/declared-wide", &["list", "--declared", "-o", "wide"]),
    ("list/declared-name", &["list", "--declared", "-o", "name"]),
    ("list/declared-json", &["list", "--declared", "-o", "json"]),
    ("list/declared-markdown", &["list", "--declared", "-o", "markdown"]),
    ("list/grouped", &["list", "--grouped"]),
    ("list/grouped-wide", &["list", "--grouped", "-o", "wide"]),
    ("list/grouped-name", &["list", "--grouped", "-o", "name"]),
    ("list/grouped-json", &["list", "--grouped", "-o", "json"]),
    ("list/grouped-markdown", &["list", "--grouped", "-o", "markdown"]),
    ("render/yaml", &["render", "shop/frontend", "bank/cards"]),
    ("render/json", &["render", "bank/cards", "-o", "json"]),
    ("render/name", &["render", "-o", "name"]),
    ("render/namespace", &["render", "--mode", "bank=off", "--mode", "shop=off", "--mode", "platform=enforce"]),
    ("render/none", &["render", "--mode", "*=shadow"]),
    ("render/none-json", &["render", "platform/prometheus", "-o", "json"]),
];

/// The same without manifests.
const PLAIN: &[(&str, &[&str])] = &[
    ("help/kubectl-netintent", &["--help"]),
    ("help/explain", &["explain", "--help"]),
    ("help/list", &["list", "--help"]),
    ("help/diff", &["diff", "--help"]),
    ("help/render", &["render", "--help"]),
    ("help/completion", &["completion", "--help"]),
    ("help/version", &["version", "--help"]),
    ("help/none", &[]),
    ("version", &["version"]),
];

/// Formats of `diff` between the demo and [`changed`].
const DIFF: &[(&str, &[&str])] = &[
    ("diff/table", &[]),
    ("diff/wide", &["-o", "wide"]),
    ("diff/name", &["-o", "name"]),
    ("diff/json", &["-o", "json"]),
    ("diff/yaml", &["-o", "yaml"]),
    ("diff/markdown", &["-o", "markdown"]),
    ("diff/no-headers", &["--no-headers"]),
];

/// What is compared under a name of its own below.
const OTHERS: &[&str] = &["diff/back", "diff/none", "diff/none-json", "diff/reformatted", "cannot-tell"];

#[test]
fn snapshots_of_the_demo() {
    for (name, args) in CASES {
        let args = [args, &["-f", "manifests/demo"][..]].concat();
        run(&args).check(name, &args);
    }
}

#[test]
fn snapshots_of_help_and_version() {
    for (name, args) in PLAIN {
        run(args).check(name, args);
    }
}

/// A copy of the demo in which an approval is new, an intent has no approval, a Service is protected on its own and a
/// workload is gone.
fn changed(folder: &Path) {
    let edit = |file: &str, what: &str, instead: &str| {
        let path = folder.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(what).count(), 1, "{what:?} in {file}");
        fs::write(path, text.replace(what, instead)).unwrap();
    };
    copy_demo(folder);
    let approvals = fs::read_to_string(folder.join("approvals.yaml")).unwrap();
    let new = "---\napiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {namespace: bank, name: payment}\n\
               spec:\n  callers: [shop/frontend]\n  callees: [\"cards:8443\"]\n";
    fs::write(folder.join("approvals.yaml"), approvals + new).unwrap();
    edit("shop.yaml", "calls: cart-cache\n", "calls: cart-cache, bank/ledger:rpc\n");
    let service = "kind: Service\nmetadata:\n  name: prometheus\n  namespace: platform\n";
    edit("platform.yaml", service, &format!("{service}  labels: {{netintent.dev/mode: enforce}}\n"));
    let shop = fs::read_to_string(folder.join("shop.yaml")).unwrap();
    let report = shop.find("---\n# A nightly report").unwrap();
    fs::write(folder.join("shop.yaml"), &shop[..report]).unwrap();
}

fn copy_demo(folder: &Path) {
    for entry in fs::read_dir(root().join("manifests/demo")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
}

#[test]
fn snapshots_of_diff() {
    let folder = tempfile::tempdir().unwrap();
    changed(folder.path());
    let new = folder.path().to_str().unwrap();
    for (name, format) in DIFF {
        let args = [&["diff", "--base", "manifests/demo", "-f", new], *format].concat();
        run(&args).check_without(name, &args, &[(new, "changed")]);
    }
    let back = ["diff", "--base", new, "-f", "manifests/demo"];
    run(&back).check_without("diff/back", &back, &[(new, "changed")]);
    let none = ["diff", "--base", new, "-f", new];
    run(&none).check_without("diff/none", &none, &[(new, "changed")]);
    let none = ["diff", "--base", new, "-f", new, "-o", "json"];
    run(&none).check_without("diff/none-json", &none, &[(new, "changed")]);
}

#[test]
fn order_comments_and_formatting_are_no_difference() {
    let folder = tempfile::tempdir().unwrap();
    let mut documents: Vec<String> = Vec::new();
    for entry in fs::read_dir(root().join("manifests/demo")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\r\n");
        documents.extend(lines.split("\r\n---\r\n").map(|text| text.replace("{app: ", "{  \"app\" : ") + "\r\n"));
    }
    documents.sort_by(|a, b| b.cmp(a));
    assert!(documents.len() > 20, "{documents:?}");
    let new = folder.path().join("all.yml");
    fs::write(&new, documents.join("---  # another\r\n")).unwrap();
    let args = ["diff", "--base", "manifests/demo", "-f", new.to_str().unwrap()];
    run(&args).check_without("diff/reformatted", &args, &[(folder.path().to_str().unwrap(), "changed")]);
}

#[test]
fn snapshot_of_what_cannot_be_told() {
    let manifest = "\
        {apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: web}]}}\n---\n\
        {apiVersion: v1, kind: Service, metadata: {name: elsewhere}, spec: {type: ExternalName, externalName: a.example}}";
    let args = ["explain", "web", "elsewhere"];
    let said = run_on(manifest, &args);
    assert_eq!(said.status, 2);
    said.check("cannot-tell", &args);
    let said = run_on(manifest, &["explain", "web", "elsewhere", "-o", "json"]);
    assert_eq!((said.status, &json(&said.stdout)["allowed"]), (2, &serde_json::Value::Null));
}

#[test]
fn no_snapshot_is_left_over() {
    let mut names: BTreeSet<String> =
        [CASES, PLAIN, DIFF].concat().iter().map(|(name, _)| (*name).to_owned()).collect();
    names.extend(OTHERS.iter().map(|name| (*name).to_owned()));
    names.extend(crate::bad_input::names());
    names.extend(crate::findings::names());
    let mut left = BTreeSet::new();
    let mut folders = vec![snapshots()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(snapshots()).unwrap().with_extension("");
                left.insert(name.to_str().unwrap().to_owned());
            }
        }
    }
    let (more, less): (Vec<_>, Vec<_>) = (left.difference(&names).collect(), names.difference(&left).collect());
    assert!(more.is_empty() && less.is_empty(), "of no test: {more:?}\nnot kept: {less:?}");
}

#[test]
fn yaml_is_the_same_value_as_json() {
    let folder = tempfile::tempdir().unwrap();
    changed(folder.path());
    let new = folder.path().to_str().unwrap();
    let mut commands: Vec<Vec<&str>> = CASES
        .iter()
        // Of `render` it is many documents or one list.
        .filter(|(_, args)| args[0] != "render" && !args.iter().any(|arg| ["-o", "-q"].contains(arg)))
        .map(|(_, args)| [args, &["-f", "manifests/demo"][..]].concat())
        .collect();
    commands.push(vec!["diff", "--base", "manifests/demo", "-f", new]);
    for command in commands {
        let as_json = run(&[&command[..], &["-o", "json"]].concat());
        let as_yaml = run(&[&command[..], &["-o", "yaml"]].concat());
        assert_eq!(as_json.status, as_yaml.status, "{command:?}");
        assert_eq!(json(&as_json.stdout), yaml(&as_yaml.stdout), "{command:?}");
    }
}

/// The fields that the design promises.
#[test]
fn json_has_the_fields_of_the_design() {
    let folder = tempfile::tempdir().unwrap();
    changed(folder.path());
    let new = folder.path().to_str().unwrap();
    let has = |args: &[&str], kind: &str, fields: &[&str]| {
        let value = json(&run(&[args, &["-o", "json"]].concat()).stdout);
        assert_eq!(value["apiVersion"], "netintent.dev/v1alpha1");
        assert_eq!(value["kind"], kind);
        for field in fields {
            assert!(value.pointer(field).is_some(), "no {field} in {value}");
        }
    };
    has(
        &["list", "--from", "shop/frontend", "--to", "bank/ledger", "-f", "manifests/demo"],
        "ConnectionList",
        &[
            "/items/0/source/kind",
            "/items/0/source/namespace",
            "/items/0/source/name",
            "/items/0/source/caller",
            "/items/0/destination/kind",
            "/items/0/destination/namespace",
            "/items/0/destination/name",
            "/items/0/ports/0/protocol",
            "/items/0/ports/0/from",
            "/items/0/ports/0/to",
            "/items/0/ports/0/declared",
            "/items/0/ports/0/approved",
            "/items/0/isolated/egress",
            "/items/0/isolated/ingress",
        ],
    );
    has(
        &["list", "--grouped", "-f", "manifests/demo"],
        "ConnectionGroupList",
        &["/items/0/sources/0", "/items/0/destinations/0", "/items/0/ports/0/protocol"],
    );
    has(
        &["explain", "shop/frontend", "bank/cards", "-f", "manifests/demo"],
        "Explanation",
        &["/allowed", "/ports", "/chain/0", "/caveats", "/fix/0"],
    );
    has(
        &["diff", "--base", "manifests/demo", "-f", new],
        "ConnectionDiff",
        &["/items/0/change", "/items/0/before", "/items/0/after"],
    );
}

#[test]
fn completion_scripts_name_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let said = run(&["completion", shell]);
        assert_eq!((said.status, said.stderr.as_str()), (0, ""));
        for command in ["explain", "list", "diff", "render", "completion", "version", "--base-rev", "--declared"] {
            let command = if shell == "fish" { command.trim_start_matches('-') } else { command };
            assert!(said.stdout.contains(command), "{shell}: no {command}");
        }
    }
}
