//! Text that comes from manifests never steers the terminal, and never makes a line of its own.

use crate::run::{command, root, run_on, said};
use crate::values::json;

/// Every place where text from a manifest may come out: reasons, owners, a name that is refused, a comment.
const HOSTILE: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: bank, labels: {netintent.dev/mode: enforce}}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {netintent.dev/mode: enforce}}
---
apiVersion: v1
kind: Pod
metadata:
  namespace: shop
  name: web
  labels: {app: web}
  annotations: {netintent.dev/calls: "bank/ledger:rpc, bank/cards:rpc, \e[31mred\e[0m\nFORGED: allowed"}
spec: {containers: [{name: c}]}
---
apiVersion: v1
kind: Pod
metadata: {namespace: bank, name: ledger, labels: {app: ledger}}
spec: {containers: [{name: c, ports: [{name: rpc, containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata:
  namespace: bank
  name: ledger
  annotations: {a8r.io/owner: "\e]0;title\aowner\nFORGED: allowed\u202e", a8r.io/chat: "\x9b31m\r\nFORGED: allowed"}
spec: {selector: {app: ledger}, ports: [{name: rpc, port: 80}]}
---
apiVersion: v1
kind: Service
metadata:
  namespace: bank
  name: cards
  annotations: {a8r.io/owner: "\e]0;title\aowner\nFORGED: allowed\u202e", a8r.io/chat: "\x9b31m\r\nFORGED: allowed"}
spec: {selector: {app: cards}, ports: [{name: rpc, port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {namespace: bank, name: cards, labels: {app: cards}}
spec: {containers: [{name: c}]}
---
apiVersion: netintent.dev/v1alpha1
kind: Approval
metadata: {namespace: bank, name: a}
spec:
  callers: [shop/web]
  callees: ["ledger:rpc"]
  reason: "\e[32mfine\e[0m\nFORGED: allowed\x9b"
"#;

/// Nothing that a terminal obeys, and no line that a manifest wrote.
fn tame(what: &str, text: &str) {
    for character in text.chars() {
        let bidirectional = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!((!character.is_control() || character == '\n') && !bidirectional, "{what}: {character:?} in {text:?}");
    }
    assert!(!text.lines().any(|line| line.trim_start().starts_with("FORGED")), "{what}: a forged line in\n{text}");
}

#[test]
fn text_formats_have_no_escapes() {
    for format in ["table", "wide", "name", "markdown"] {
        for args in [
            &["explain", "shop/web", "bank/ledger:rpc"][..],
            &["explain", "shop/web", "bank/cards:rpc"],
            &["list"],
            &["list", "--declared"],
            &["list", "--grouped"],
        ] {
            let said = run_on(HOSTILE, &[args, &["-o", format]].concat());
            assert!(said.status < 2, "{args:?} -o {format}: {said:?}");
            assert!(said.stderr.contains("FORGED"), "{args:?} -o {format}: the bad intent is not told: {said:?}");
            tame("stdout", &said.stdout);
            tame("stderr", &said.stderr);
        }
    }
    let said = run_on(HOSTILE, &["explain", "shop/web", "bank/cards:rpc"]);
    assert!(said.stdout.contains("FORGED"), "the owner is not told: {}", said.stdout);
    let said = run_on(HOSTILE, &["explain", "shop/web", "bank/ledger:rpc"]);
    assert!(said.stdout.contains("fine"), "the reason is not told: {}", said.stdout);
}

#[test]
fn diff_has_no_escapes() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old.yaml"), folder.path().join("new.yaml"));
    std::fs::write(&new, HOSTILE).unwrap();
    std::fs::write(&old, "{apiVersion: v1, kind: Namespace, metadata: {name: bank}}").unwrap();
    for format in ["table", "wide", "name", "markdown"] {
        let said = said(command(&root()).args(["diff", "-o", format, "--base"]).arg(&old).arg("-f").arg(&new));
        assert_eq!(said.status, 1, "{said:?}");
        tame("stdout", &said.stdout);
        tame("stderr", &said.stderr);
        assert!(format == "name" || said.stdout.contains("FORGED"), "{format}: the owner is not told: {}", said.stdout);
    }
}

/// JSON and YAML keep the text as it is, in the escapes of their own.
#[test]
fn data_formats_escape() {
    for format in ["json", "yaml"] {
        let said = run_on(HOSTILE, &["explain", "shop/web", "bank/ledger:rpc", "-o", format]);
        for character in said.stdout.chars() {
            assert!(!character.is_control() || character == '\n', "{format}: {character:?} in {:?}", said.stdout);
        }
    }
    json(&run_on(HOSTILE, &["explain", "shop/web", "bank/ledger:rpc", "-o", "json"]).stdout);
}

/// What is wrong may itself be hostile: in keys, values, names, kinds, and on the line that is shown.
#[test]
fn errors_have_no_escapes() {
    let bad = [
        "apiVersion: v1\nkind: \"Pod\\e[31m\\nFORGED\"\nmetadata: {name: a}\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: \"\\e[31m\\nFORGED\\u202e\"}\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: \"\\e[31m\\nFORGED\"}\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {\"\\e[31m\\nFORGED\": a}}\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {a: \"\\e[31m\\nFORGED\"}}\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {\"\\e[31m\\nFORGED\": a}\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: \"\\e[31m\\nFORGED\"}]}\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80, name: \"\\e\\nFORGED\"}]}\n",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {}, ingress: \
         [{from: [{ipBlock: {cidr: \"\\e[31m\\nFORGED\"}}]}]}\n",
        "apiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {name: a, namespace: b}\nspec: {callers: \
         [\"\\e[31m\\nFORGED\"], callees: [\"*\"]}\n",
        "{\"\\e[31m\\nFORGED\": 1, \"\\e[31m\\nFORGED\": 2}\n",
        "a: *\u{202e}FORGED\u{9b}\n",
        "# \u{1b}[31m\u{202e}\na: [\u{1b}[31m\n",
    ];
    for manifest in bad {
        let said = run_on(manifest, &["list"]);
        assert_eq!((said.status, said.stdout.as_str()), (2, ""), "{manifest}: {said:?}");
        tame(manifest, &said.stderr);
    }
}

/// So may the words of the command line, which a script may have taken from somewhere.
#[test]
fn arguments_have_no_escapes() {
    let hostile = "\u{1b}[31m\nFORGED\u{202e}";
    let within = format!("shop/{hostile}");
    let port = format!("bank/ledger:{hostile}");
    for args in [
        &["explain", within.as_str(), "bank/ledger"][..],
        &["explain", "shop/web", within.as_str()],
        &["explain", "shop/web", port.as_str()],
        &["list", "--from", within.as_str()],
        &["list", "-l", hostile],
        &["list", "-f", within.as_str()],
        &["list", "--mode", hostile],
        &["list", "-o", hostile],
        &["list", hostile],
        &["list", "--pod-cidr", hostile],
        &["diff", "--base", within.as_str()],
        &["render", within.as_str()],
        &["render", port.as_str()],
        &["render", "-o", hostile],
    ] {
        let said = run_on(HOSTILE, args);
        assert_eq!((said.status, said.stdout.as_str()), (2, ""), "{args:?}: {said:?}");
        tame(&format!("{args:?}"), &said.stderr);
    }
}

/// And the names of files.
#[cfg(unix)]
#[test]
fn names_of_files_have_no_escapes() {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("a\u{1b}[31m\nFORGED.yaml");
    std::fs::write(&name, HOSTILE).unwrap();
    for args in [&["list"][..], &["explain", "shop/web", "bank/ledger:rpc"]] {
        let said = said(command(&root()).args(args).arg("-f").arg(folder.path()));
        assert_eq!(said.status, 0, "{said:?}");
        tame("stdout", &said.stdout);
        tame("stderr", &said.stderr);
    }
    let edited = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: bank, name: netintent}\n\
                  spec: {podSelector: {}, ingress: [{}]}\n";
    std::fs::write(&name, format!("{HOSTILE}---\n{edited}")).unwrap();
    let said = said(command(&root()).args(["render", "-o", "name", "-f"]).arg(folder.path()));
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stderr.contains("NetworkPolicy bank/netintent is not what enforce gives"), "{said:?}");
    tame("stderr", &said.stderr);
    for bad in ["a: [", "a: 1", "\u{0}"] {
        std::fs::write(&name, bad).unwrap();
        let said = crate::run::said(command(&root()).args(["list", "-f"]).arg(folder.path()));
        assert_eq!(said.status, 2, "{said:?}");
        tame("stderr", &said.stderr);
    }
}
