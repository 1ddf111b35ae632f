//! Bad input: exit status 2, nothing on standard output, and on standard error what is wrong, where, and what to do.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::run::{Said, command, run_in, said};

/// The name of a file (and of its snapshot), and what is in it. Each is read by `list`.
const FILES: &[(&str, &[u8])] = &[
    ("broken-yaml.yaml", b"apiVersion: v1\nkind: Service\nmetadata: {name: web\nspec:\n  ports: [{port: 80}]\n"),
    ("broken-indent.yaml", b"apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n namespace: shop\n"),
    ("broken-json.json", b"{\"apiVersion\": \"v1\",\n \"kind\" \"Service\"}\n"),
    ("duplicate-key.yaml", b"apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  name: api\n"),
    (
        "duplicate-key-second-document.yaml",
        b"apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\nkind: Service\n",
    ),
    ("tab.yaml", b"apiVersion: v1\nkind: Service\nmetadata:\n\tname: web\n"),
    (
        "label-number.yaml",
        b"apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {version: 2}}\nspec: {containers: [{name: c}]}\n",
    ),
    (
        "label-yes.yaml",
        b"apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels:\n    public: yes\nspec: {containers: [{name: c}]}\n",
    ),
    (
        "alias-bomb.yaml",
        b"a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n\
          c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\n\
          e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\nf: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e, *e]\n\
          g: &g [*f, *f, *f, *f, *f, *f, *f, *f, *f, *f]\n",
    ),
    ("alias-unknown.yaml", b"apiVersion: v1\nkind: Namespace\nmetadata: *common\n"),
    ("binary.yaml", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\xff\xfe"),
    ("not-utf-8.yaml", b"apiVersion: v1\nkind: Namespace\nmetadata: {name: a} # caf\xe9\n"),
    ("utf-16.yaml", b"\xff\xfea\0p\0i\0V\0e\0r\0s\0i\0o\0n\0:\0 \0v\x001\0\n\0"),
    (
        "template.yaml",
        b"apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ include \"web.fullname\" . }}\nspec:\n  ports: [{port: 80}]\n",
    ),
    (
        "template-block.yaml",
        b"apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  {{- with .Values.labels }}\n  labels: {{ toYaml . }}\n  {{- end }}\n",
    ),
    (
        "template-quoted.yaml",
        b"apiVersion: v1\nkind: Service\nmetadata:\n  name: \"{{ .Release.Name }}-web\"\nspec:\n  ports: [{port: 80}]\n",
    ),
    ("no-object.yaml", b"- a list\n- of words\n"),
    ("text.yaml", b"Dear reader, this is no manifest.\n"),
    ("no-kind.yaml", b"apiVersion: v1\nmetadata: {name: web}\n"),
    ("kind-misspelt.yaml", b"apiVersion: apps/v1\nkind: Deploymnet\nmetadata: {name: web}\n"),
    ("only-comments.yaml", b"# Nothing here\n---\n# nor here\n"),
    ("empty.yaml", b""),
    (
        "selector-in-no-values.yaml",
        b"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec:\n  podSelector:\n    \
          matchExpressions:\n      - {key: app, operator: In, values: []}\n",
    ),
    (
        "selector-operator.yaml",
        b"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec:\n  podSelector:\n    \
          matchExpressions:\n      - {key: app, operator: Inn, values: [a]}\n",
    ),
    (
        "cidr-bad.yaml",
        b"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec:\n  podSelector: {}\n  \
          ingress:\n    - from:\n        - ipBlock: {cidr: 10.0.0.0/33}\n",
    ),
    (
        "except-outside.yaml",
        b"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec:\n  podSelector: {}\n  \
          ingress:\n    - from:\n        - ipBlock:\n            cidr: 10.0.0.0/8\n            except: [10.1.0.0/16, 192.168.0.0/16]\n",
    ),
    (
        "end-port-below.yaml",
        b"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec:\n  podSelector: {}\n  \
          ingress:\n    - ports:\n        - {port: 8080, endPort: 80}\n",
    ),
    (
        "end-port-named.yaml",
        b"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec:\n  podSelector: {}\n  \
          ingress:\n    - ports:\n        - {port: http, endPort: 80}\n",
    ),
    (
        "unknown-field.yaml",
        b"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec:\n  podSelectors: {}\n",
    ),
    (
        "two-errors.yaml",
        b"apiVersion: v1\nkind: Service\nmetadata: {name: Web}\nspec: {ports: [{port: 80}]}\n---\napiVersion: v1\n\
          kind: Service\nmetadata: {name: api}\nspec: {ports: [{port: 70000}]}\n",
    ),
    (
        "approval-callers.yaml",
        b"apiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {namespace: bank, name: a}\nspec:\n  \
          callers: [frontend]\n  callees: [\"ledger:rpc\"]\n",
    ),
];

/// Two kinds of one name, a Service with a named port, and a namespace.
const SMALL: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {namespace: shop, name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {namespace: shop, name: web}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: c}]}}}}}
---
apiVersion: v1
kind: Service
metadata: {namespace: shop, name: web}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Pod
metadata: {namespace: bank, name: ledger}
spec: {containers: [{name: c}]}
";

/// The name of the snapshot and the arguments; `small.yaml` is [`SMALL`].
const QUESTIONS: &[(&str, &[&str])] = &[
    ("unknown-workload", &["explain", "shop/wbe", "shop/web", "-f", "small.yaml"]),
    ("unknown-workload-elsewhere", &["explain", "shop/ledger", "shop/web", "-f", "small.yaml"]),
    ("unknown-service", &["explain", "bank/ledger", "shop/wbe", "-f", "small.yaml"]),
    ("unknown-anything", &["explain", "bank/ledger", "shop/quite-another", "-f", "small.yaml"]),
    ("unknown-namespace", &["explain", "bnak/ledger", "shop/web", "-f", "small.yaml"]),
    ("unknown-port", &["explain", "bank/ledger", "shop/web:htpt", "-f", "small.yaml"]),
    ("unknown-port-number", &["explain", "bank/ledger", "shop/web:8080", "-f", "small.yaml"]),
    ("unknown-pod-port", &["explain", "bank/ledger", "shop/deploy/web:htpt", "-f", "small.yaml"]),
    ("port-too-large", &["explain", "bank/ledger", "shop/deploy/web:70000", "-f", "small.yaml"]),
    ("unknown-protocol", &["explain", "bank/ledger", "shop/deploy/web:80/ICMP", "-f", "small.yaml"]),
    ("ambiguous-name", &["explain", "shop/web", "bank/ledger", "-f", "small.yaml"]),
    ("ambiguous-name-from", &["list", "--from", "shop/web", "-f", "small.yaml"]),
    ("unknown-kind", &["explain", "shop/depoly/web", "bank/ledger", "-f", "small.yaml"]),
    ("empty-name", &["explain", "", "bank/ledger", "-f", "small.yaml"]),
    ("two-addresses", &["explain", "192.0.2.1", "203.0.113.7", "-f", "small.yaml"]),
    ("bad-address", &["explain", "192.0.2.1/33", "shop/web", "-f", "small.yaml"]),
    ("list-address", &["list", "--from", "192.0.2.1", "-f", "small.yaml"]),
    ("list-unknown", &["list", "--to", "shop/wbe", "-f", "small.yaml"]),
    ("bad-mode", &["list", "--mode", "shop=enforced", "-f", "small.yaml"]),
    ("bad-mode-syntax", &["list", "--mode", "enforce", "-f", "small.yaml"]),
    ("bad-selector", &["list", "-l", "app in cart", "-f", "small.yaml"]),
    ("bad-selector-key", &["list", "-l", "a b=c", "-f", "small.yaml"]),
    ("bad-namespace", &["list", "-n", "Shop", "-f", "small.yaml"]),
    ("to-with-port", &["list", "--to", "shop/web:http", "-f", "small.yaml"]),
    ("bad-pod-cidr", &["list", "--pod-cidr", "10.0.0.0/40", "-f", "small.yaml"]),
    ("bad-format", &["list", "-o", "xml", "-f", "small.yaml"]),
    ("render-format", &["render", "-o", "table", "-f", "small.yaml"]),
    ("render-unknown", &["render", "shop/wbe", "-f", "small.yaml"]),
    ("render-unknown-namespace", &["render", "bnak/ledger", "-f", "small.yaml"]),
    ("render-workload", &["render", "bank/pod/ledger", "-f", "small.yaml"]),
    ("render-address", &["render", "10.0.0.1", "-f", "small.yaml"]),
    ("render-port", &["render", "bank/ledger:rpc", "-f", "small.yaml"]),
    ("render-no-files", &["render"]),
    ("bad-flag", &["list", "--declard", "-f", "small.yaml"]),
    ("no-files", &["list"]),
    ("no-base", &["diff", "-f", "small.yaml"]),
    ("two-bases", &["diff", "--base", "small.yaml", "--base-rev", "HEAD", "-f", "small.yaml"]),
    ("missing-file", &["list", "-f", "nowhere.yaml"]),
    ("missing-base", &["diff", "--base", "nowhere", "-f", "small.yaml"]),
    ("folder-without-manifests", &["list", "-f", "empty"]),
    ("url", &["list", "-f", "https://example.com/all.yaml"]),
    ("stdin-twice", &["list", "-f", "-", "-f", "-"]),
    ("stdin-on-both-sides", &["diff", "--base", "-", "-f", "-"]),
    ("one-bad-file-of-many", &["list", "-f", "small.yaml", "-f", "tab.yaml"]),
    ("grouped-declared", &["list", "--grouped", "--declared", "-f", "small.yaml"]),
    ("quiet-error", &["explain", "-q", "shop/wbe", "shop/web", "-f", "small.yaml"]),
];

/// The snapshots that belong here.
pub(crate) fn names() -> impl Iterator<Item = String> {
    let files = FILES.iter().map(|(name, _)| name);
    files.chain(QUESTIONS.iter().map(|(name, _)| name)).map(|name| format!("bad-input/{}", stem(name)))
}

fn stem(name: &str) -> &str {
    name.split('.').next().unwrap()
}

/// A folder with every bad file, the small good one, and a folder without manifests.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in FILES {
        fs::write(folder.path().join(name), content).unwrap();
    }
    fs::write(folder.path().join("small.yaml"), SMALL).unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::write(folder.path().join("empty/README.md"), "nothing").unwrap();
    folder
}

fn refused(folder: &Path, name: &str, args: &[&str]) {
    let said = run_in(folder, args);
    assert_eq!((said.status, said.stdout.as_str()), (2, ""), "{name}: {said:?}");
    assert!(!said.stderr.is_empty(), "{name}: nothing is said");
    said.check(&format!("bad-input/{}", stem(name)), args);
}

#[test]
fn files_that_cannot_be_read() {
    let folder = folder();
    for (name, _) in FILES {
        refused(folder.path(), name, &["list", "-f", name]);
    }
}

/// In whatever format, nothing comes out before everything is read.
#[test]
fn no_partial_output_in_any_format() {
    let folder = folder();
    for format in ["table", "wide", "name", "json", "yaml", "markdown"] {
        for command in [&["list"][..], &["diff", "--base", "small.yaml"], &["explain", "shop/web", "shop/web"]] {
            let said = run_in(folder.path(), &[command, &["-f", "two-errors.yaml", "-o", format]].concat());
            assert_eq!((said.status, said.stdout.as_str()), (2, ""), "{command:?} {format}: {said:?}");
        }
    }
}

#[test]
fn questions_without_an_answer() {
    let folder = folder();
    for (name, args) in QUESTIONS {
        refused(folder.path(), name, args);
    }
}

/// File, line and column point at the place that is underlined.
#[test]
fn errors_name_their_place() {
    let folder = folder();
    let places = [
        ("duplicate-key.yaml", "duplicate-key.yaml:5:3", "^^^^"),
        ("label-number.yaml", "label-number.yaml:3:41", "^"),
        ("label-yes.yaml", "label-yes.yaml:6:13", "^^^"),
        ("tab.yaml", "tab.yaml:4:1", "^"),
        ("cidr-bad.yaml", "cidr-bad.yaml:8:27", "^^^^^^^^^^^"),
        ("except-outside.yaml", "except-outside.yaml:10:35", "^^^^^^^^^^^^^^"),
        ("end-port-below.yaml", "end-port-below.yaml:8:33", "^^"),
        ("duplicate-key-second-document.yaml", "duplicate-key-second-document.yaml:7:1", "^^^^"),
        ("kind-misspelt.yaml", "kind-misspelt.yaml:2:7", "^^^^^^^^^^"),
    ];
    for (name, place, underline) in places {
        let stderr = run_in(folder.path(), &["list", "-f", name]).stderr;
        assert!(stderr.contains(&format!("--> {place}\n")), "{name}: no {place} in\n{stderr}");
        let marks: Vec<&str> = stderr.lines().filter_map(|line| line.split_once("| ").map(|(_, l)| l.trim())).collect();
        assert!(marks.contains(&underline), "{name}: no {underline} in\n{stderr}");
    }
}

#[test]
fn errors_say_what_to_do() {
    let folder = folder();
    let helped = [
        ("template.yaml", "render it first"),
        ("template-block.yaml", "render it first"),
        ("template-quoted.yaml", "render it first"),
        ("kind-misspelt.yaml", "did you mean `Deployment`?"),
        ("unknown-field.yaml", "did you mean `podSelector`?"),
        ("label-number.yaml", "\"2\""),
        ("label-yes.yaml", "quote it: YAML reads yes"),
    ];
    for (name, help) in helped {
        let stderr = run_in(folder.path(), &["list", "-f", name]).stderr;
        assert!(stderr.contains(help), "{name}: no {help} in\n{stderr}");
    }
}

const LIMIT: u64 = 256 << 20;

/// A file without anything but zeros that takes no room on the disk.
fn sparse(path: &Path, size: u64) {
    fs::File::create(path).unwrap().set_len(size).unwrap();
}

#[test]
fn a_file_over_the_limit_is_refused_without_being_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.yaml");
    sparse(&file, LIMIT + 1);
    let expected =
        "error: large.yaml has more than 256 MiB, the most that is read\nhelp: split it into several files\n";
    let start = Instant::now();
    let said = run_in(folder.path(), &["list", "-f", "large.yaml"]);
    assert_eq!((said.status, said.stdout.as_str(), said.stderr.as_str()), (2, "", expected));
    // A terabyte takes no longer: its size is asked for first.
    sparse(&file, 1 << 40);
    assert_eq!(run_in(folder.path(), &["list", "-f", "."]).stderr, expected.replace(" large", " ./large"));
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

/// At the limit the size is no reason any more: zeros are no manifest.
#[test]
fn a_file_at_the_limit_is_read() {
    let folder = tempfile::tempdir().unwrap();
    sparse(&folder.path().join("large.yaml"), LIMIT);
    let said = run_in(folder.path(), &["list", "-f", "large.yaml"]);
    assert_eq!((said.status, said.stdout.as_str()), (2, ""));
    assert!(!said.stderr.contains("MiB"), "{}", said.stderr);
    assert!(said.stderr.contains("large.yaml:1:1"), "{}", said.stderr);
}

#[test]
fn a_large_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  text: |\n";
    let line = format!("    {}\n", "x".repeat(995));
    let large = format!("{object}{}---\n{SMALL}", line.repeat(20_000));
    assert!(large.len() > 20_000_000);
    fs::write(folder.path().join("large.yaml"), large).unwrap();
    let said = run_in(folder.path(), &["list", "-o", "name", "--to", "bank/ledger", "-f", "large.yaml"]);
    assert_eq!((said.status, said.stderr.as_str()), (0, ""));
    assert!(said.stdout.contains("shop/deployment/web -> bank/pod/ledger\n"), "{}", said.stdout);
}

/// What never ends is read up to the limit and no further.
#[cfg(unix)]
#[test]
fn an_endless_device_ends() {
    let said = run_in(Path::new("/"), &["list", "-f", "/dev/zero"]);
    let expected = "error: /dev/zero has more than 256 MiB, the most that is read\nhelp: split it into several files\n";
    assert_eq!((said.status, said.stdout.as_str(), said.stderr.as_str()), (2, "", expected));
}

#[test]
fn nothing_on_standard_input() {
    let said: Said = said(command(Path::new("/")).args(["list", "-f", "-"]).stdin(""));
    assert_eq!((said.status, said.stdout.as_str()), (2, ""));
    assert_eq!(said.stderr, "error: no manifest in the input\nhelp: every file is empty or has only comments\n");
}
