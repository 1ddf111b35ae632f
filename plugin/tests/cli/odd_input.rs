//! Input that is legal and rare: names that look like something else, many of everything, files that are no plain files.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::run::{command, root, run_in, run_on, said};

fn pod(namespace: &str, name: &str, labels: &str) -> String {
    format!(
        "---\n{{apiVersion: v1, kind: Pod, metadata: {{namespace: {namespace}, name: {name}, labels: {{{labels}}}}}, \
         spec: {{containers: [{{name: c}}]}}}}\n"
    )
}

fn namespace(name: &str, mode: &str) -> String {
    format!(
        "---\n{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}, labels: {{netintent.dev/mode: {mode}}}}}}}\n"
    )
}

/// A name is first a namespace, then a kind.
#[test]
fn names_that_look_like_kinds() {
    let deployment = "---\n{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: default, name: web}, spec: \
                      {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: \
                      [{name: c}]}}}}\n";
    let input = [
        pod("deploy", "web", ""),
        pod("deploy", "pod", ""),
        pod("default", "deploy", ""),
        pod("default", "svc", ""),
        deployment.to_owned(),
    ]
    .concat();
    for (text, expected) in [
        ("deploy/web", "deploy/Pod/web"),
        ("deploy/pod/web", "deploy/Pod/web"),
        ("deploy/pod", "deploy/Pod/pod"),
        ("deploy", "default/Pod/deploy"),
        ("pod/deploy", "default/Pod/deploy"),
        ("default/deploy", "default/Pod/deploy"),
        ("default/deploy/web", "default/Deployment/web"),
        ("deployment/web", "default/Deployment/web"),
        ("deployments.apps/web", "default/Deployment/web"),
        ("po/svc", "default/Pod/svc"),
    ] {
        let said = run_on(&input, &["explain", text, "10.0.0.1", "-o", "json"]);
        assert_eq!(said.status, 0, "{text}: {said:?}");
        assert_eq!(crate::values::end(&crate::values::json(&said.stdout)["source"]), expected, "{text}");
    }
}

/// What `-o name` prints can be asked about, the pods of a custom controller too.
#[test]
fn names_that_are_printed_are_understood() {
    let owned = |n: u32| {
        format!(
            "---\n{{apiVersion: v1, kind: Pod, metadata: {{namespace: a, name: db-{n}, ownerReferences: [{{apiVersion: \
             example.com/v1, kind: Database, name: db, uid: u, controller: true}}]}}, spec: {{containers: [{{name: c}}]}}}}\n"
        )
    };
    let input = [owned(0), owned(1), pod("a", "web", "")].concat();
    let said = run_on(&input, &["list", "-o", "name"]);
    let expected = "outside -> a/database/db\noutside -> a/pod/web\na/database/db -> a/pod/web\na/database/db -> outside\n\
                    a/pod/web -> a/database/db\na/pod/web -> outside\n";
    assert_eq!((said.status, said.stdout.as_str()), (0, expected));
    for name in ["a/database/db", "database/db", "a/db", "a/db-1", "a/pod/db-0"] {
        let said = run_on(&input, &["explain", "a/pod/web", name, "-o", "name"]);
        assert_eq!((said.status, said.stdout.as_str()), (0, "allowed\n"), "{name}: {said:?}");
    }
    let said = run_on(&input, &["explain", "a/pod/web", "a/datebase/db"]);
    assert_eq!((said.status, said.stdout.as_str()), (2, ""));
}

#[test]
fn a_service_with_a_hundred_ports() {
    let mut input = [namespace("a", "enforce"), pod("a", "web", "app: web"), pod("a", "b", "")].concat();
    input += "---\n{apiVersion: v1, kind: Service, metadata: {namespace: a, name: web}, spec: {selector: {app: web}, ports: [";
    for n in 0..100 {
        write!(input, "{{name: p{n}, port: {}}},", 1000 + n).unwrap();
    }
    input += "]}}\n";
    input += "---\n{apiVersion: netintent.dev/v1alpha1, kind: Approval, metadata: {namespace: a, name: x}, spec: \
              {callees: ['web:p99', 'web:p0'], from: [{podSelector: {}}]}}\n";
    let said = run_on(&input, &["list", "--to", "a/web", "--no-headers"]);
    assert_eq!((said.status, said.stderr.as_str()), (0, ""));
    assert_eq!(said.stdout, "a/b   a/web   TCP 1000,1099\n");
    for (callee, verdict) in [("a/web:p99", "allowed"), ("a/web:p98", "denied"), ("a/web", "allowed in part")] {
        let said = run_on(&input, &["explain", "a/b", callee, "-o", "name"]);
        assert_eq!(said.stdout, format!("{verdict}\n"), "{callee}");
    }
}

/// IPv6 alone: a pod with such an address, a Service of that family, a block with an exception.
#[test]
fn ipv6_alone() {
    let input = [
        namespace("a", "enforce"),
        pod("a", "web", "app: web"),
        "---\n{apiVersion: v1, kind: Service, metadata: {namespace: a, name: web}, spec: {ipFamilies: [IPv6], \
         ipFamilyPolicy: SingleStack, clusterIP: 'fd00:1::1', selector: {app: web}, ports: [{port: 80}]}}\n"
            .to_owned(),
        "---\n{apiVersion: netintent.dev/v1alpha1, kind: Approval, metadata: {namespace: a, name: x}, spec: {callees: \
         [web], from: [{ipBlock: {cidr: '2001:db8::/32', except: ['2001:db8:1::/48']}}]}}\n"
            .to_owned(),
    ]
    .concat();
    for (caller, verdict) in [
        ("2001:db8::5", "allowed"),
        ("2001:db8:2::/48", "allowed"),
        ("2001:db8:1::5", "denied"),
        ("2001:db9::5", "denied"),
        ("10.0.0.1", "denied"),
    ] {
        let said = run_on(&input, &["explain", caller, "a/web", "-o", "name"]);
        assert_eq!(said.stdout, format!("{verdict}\n"), "{caller}: {said:?}");
    }
    for callee in ["[2001:db8::1]:443", "2001:db8::1", "[2001:db8::1]:53/UDP"] {
        let said = run_on(&input, &["explain", "a/web", callee, "-o", "name"]);
        assert_eq!((said.status, said.stdout.as_str()), (0, "allowed\n"), "{callee}: {said:?}");
    }
}

/// Of a block of addresses some may be allowed, and several policies may allow all of it together.
#[test]
fn blocks_that_policies_part() {
    let policy = |name: &str, cidr: &str| {
        format!(
            "---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{namespace: a, name: {name}}}, spec: \
             {{podSelector: {{}}, policyTypes: [Ingress, Egress], ingress: [{{from: [{{ipBlock: {{cidr: {cidr}}}}}]}}], \
             egress: [{{to: [{{ipBlock: {{cidr: {cidr}}}}}], ports: [{{port: 443}}]}}]}}}}\n"
        )
    };
    let input = [pod("a", "web", ""), policy("low", "10.0.0.0/9"), policy("high", "10.128.0.0/9")].concat();
    for (caller, verdict) in [
        ("10.0.0.0/8", "allowed"),
        ("10.128.0.1", "allowed"),
        ("10.0.0.0/7", "allowed in part"),
        ("0.0.0.0/0", "allowed in part"),
        ("11.0.0.0/8", "denied"),
        ("::/0", "denied"),
    ] {
        let said = run_on(&input, &["explain", caller, "a/web", "-o", "name"]);
        assert_eq!(said.stdout, format!("{verdict}\n"), "{caller} calls: {said:?}");
        let said = run_on(&input, &["explain", "a/web", &format!("{caller}:443"), "-o", "name"]);
        assert_eq!(said.stdout, format!("{verdict}\n"), "{caller} is called: {said:?}");
    }
    let said = run_on(&input, &["explain", "10.0.0.0/7", "a/web"]);
    assert!(said.stdout.starts_with("10.0.0.0/7 → a/web: allowed in part: only 10.0.0.0/8 may connect\n"), "{said:?}");
    assert!(said.stdout.contains("ingress into Pod a/web from 11.0.0.0/8 is not allowed\n"), "{said:?}");
    let said = run_on(&input, &["explain", "a/web", "10.0.0.0/7:443"]);
    assert!(said.stdout.contains("allowed in part: only 10.0.0.0/8 may be reached\n"), "{said:?}");
}

#[test]
fn thousands_of_namespaces_and_of_labels() {
    let mut input: String =
        (0..2000).flat_map(|n| [namespace(&format!("n{n}"), "enforce"), pod(&format!("n{n}"), "web", "")]).collect();
    let labels: Vec<String> = (0..2000).map(|n| format!("k{n}.example.com/x: {}", "v".repeat(63))).collect();
    input += &pod("open", "web", &labels.join(", "));
    let said = run_on(&input, &["list", "--to", "open/web", "--mode", "open=off", "-o", "name"]);
    assert_eq!((said.status, said.stderr.as_str()), (0, ""));
    assert_eq!(said.stdout.lines().count(), 2001, "every namespace and the outside");
    let said =
        run_on(&input, &["list", "-l", "k7.example.com/x", "--from", "n7/web", "-o", "name", "--mode", "open=off"]);
    assert_eq!(said.stdout, "n7/pod/web -> open/pod/web\n");
}

/// The same file twice is the same objects: the later hold, and nothing else changes.
#[test]
fn a_file_twice() {
    let once = said(command(&root()).args(["list", "-f", "manifests/demo"]));
    let twice = said(command(&root()).args(["list", "-f", "manifests/demo", "-f", "manifests/demo/shop.yaml"]));
    assert_eq!((twice.status, &twice.stdout), (0, &once.stdout));
    let warnings: Vec<&str> = twice.stderr.lines().filter(|line| line.starts_with("warning: ")).collect();
    let [warning] = warnings[..] else { panic!("one for all objects of shop.yaml: {warnings:?}") };
    assert!(warning.contains("manifests/demo/shop.yaml:2:1: 7 objects of this file"), "{warning}");
}

#[cfg(unix)]
mod files {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::symlink;

    use super::*;

    /// The pods that a folder holds.
    fn read(folder: &Path) -> String {
        let said = run_in(folder, &["list", "-o", "name", "-f", "."]);
        assert_eq!((said.status, said.stderr.as_str()), (0, ""));
        said.stdout
            .lines()
            .filter(|line| line.starts_with("outside"))
            .fold(String::new(), |all, line| all + line + "\n")
    }

    #[test]
    fn names_of_files_may_be_anything() {
        let folder = tempfile::tempdir().unwrap();
        let names: [&[u8]; 5] = [b"a b.yaml", b"new\nline.yml", b"-f.json", b"caf\xe9.YAML", "größe.yaml".as_bytes()];
        for (n, name) in names.into_iter().enumerate() {
            fs::write(folder.path().join(OsStr::from_bytes(name)), pod("a", &format!("p{n}"), "")).unwrap();
        }
        // Nothing that kubectl would not read either.
        for name in [".hidden.yaml", "note.txt", "yaml", "kustomization.yaml", "a.yaml.bak"] {
            fs::write(folder.path().join(name), "a: [").unwrap();
        }
        let expected = (0..5).fold(String::new(), |all, n| all + &format!("outside -> a/pod/p{n}\n"));
        assert_eq!(read(folder.path()), expected);
    }

    #[test]
    fn links_in_a_circle_end() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("deep")).unwrap();
        fs::write(folder.path().join("deep/a.yaml"), pod("a", "web", "")).unwrap();
        symlink("..", folder.path().join("deep/up")).unwrap();
        symlink("deep", folder.path().join("also.yaml")).unwrap();
        assert_eq!(read(folder.path()), "outside -> a/pod/web\n");
        // A link that leads nowhere is a manifest that is missing.
        symlink("nowhere", folder.path().join("gone.yaml")).unwrap();
        let said = run_in(folder.path(), &["list", "-f", "."]);
        let expected = "error: cannot read ./gone.yaml: there is no such file or folder\n";
        assert_eq!((said.status, said.stdout.as_str(), said.stderr.as_str()), (2, "", expected));
    }

    /// What is no plain file is read to its end, as `<(…)` in a shell needs.
    #[test]
    fn a_pipe_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let writer = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::write(pipe, pod("a", "web", "")).unwrap()
        });
        let said = run_in(folder.path(), &["list", "-o", "name", "-f", "pipe"]);
        writer.join().unwrap();
        assert_eq!((said.status, said.stdout.as_str()), (0, "outside -> a/pod/web\na/pod/web -> outside\n"));
    }
}
