//! `approve`: what is printed, what is written, and what is left alone.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use crate::run::{Said, command, root, run, run_in, run_on, said};

/// A copy of the demo that may be written to.
pub(crate) fn demo() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(root().join("manifests/demo")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    folder
}

/// Runs a command on the folder that it is in.
pub(crate) fn here(folder: &Path, args: &[&str]) -> Said {
    run_in(folder, &[args, &["-f", "."]].concat())
}

const CARDS: [&str; 4] = ["approve", "shop/frontend", "--to", "bank/cards:8443"];
const MANIFEST: &str = "apiVersion: netintent.dev/v1alpha1\nkind: Approval\n\
                        metadata: {namespace: bank, name: shop.frontend.calls.cards.8443}\n\
                        spec:\n  callers: [shop/frontend]\n  callees: [\"cards:8443\"]\n";
const OPENS: &str = "opens: shop/frontend → bank/cards: TCP 8443\n";

fn written(args: &[&str], file: &str) -> Vec<String> {
    [args, &["--write", file]].concat().iter().map(ToString::to_string).collect()
}

fn to(folder: &Path, file: &str) -> Said {
    let args = written(&CARDS, file);
    here(folder, &args.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn the_manifest_goes_to_standard_output() {
    let said = run(&[&CARDS[..], &["-f", "manifests/demo"]].concat());
    assert_eq!(said.status, 0);
    // The repository of the tests may be one of git, which is told then.
    assert!(
        said.stdout.ends_with("spec:\n  callers: [shop/frontend]\n  callees: [\"cards:8443\"]\n"),
        "{}",
        said.stdout
    );
    assert_eq!(said.stderr, OPENS);
    let demo = demo();
    let said = here(demo.path(), &CARDS);
    assert_eq!((said.status, said.stdout.as_str(), said.stderr.as_str()), (0, MANIFEST, OPENS));
    let more = ["--reason", "it's: \"#1\"\n---\nkind: No", "--expires", "2999-01-01", "--dry-run"];
    let said = here(demo.path(), &[&CARDS[..], &more].concat());
    let expected =
        format!("{MANIFEST}  reason: \"it's: \\\"#1\\\"\\n---\\nkind: No\"\n  expiresAt: 2999-01-01T00:00:00Z\n");
    assert_eq!((said.status, said.stdout), (0, expected));
}

#[test]
fn what_is_written_is_allowed_and_written_once() {
    let demo = demo();
    let said = to(demo.path(), "bank.yaml");
    let added = "added Approval bank/shop.frontend.calls.cards.8443 to bank.yaml\n";
    assert_eq!((said.status, said.stdout.as_str()), (0, ""));
    assert_eq!(said.stderr, format!("{added}{OPENS}"));
    let before = fs::read_to_string(root().join("manifests/demo/bank.yaml")).unwrap();
    assert_eq!(fs::read_to_string(demo.path().join("bank.yaml")).unwrap(), format!("{before}---\n{MANIFEST}"));
    assert_eq!(here(demo.path(), &["explain", "-q", "shop/frontend", "bank/cards:8443"]).status, 0);
    for file in ["bank.yaml", "other.yaml"] {
        let said = to(demo.path(), file);
        let line = before.lines().count() + 2;
        let expected = format!(
            "already approved by Approval bank/shop.frontend.calls.cards.8443 (./bank.yaml:{line}): nothing is written\n"
        );
        assert_eq!((said.status, said.stdout.as_str(), said.stderr), (0, "", expected));
    }
    assert!(!demo.path().join("other.yaml").exists());
}

#[test]
fn a_file_that_is_no_input_counts_too() {
    let (demo, elsewhere) = (demo(), tempfile::tempdir().unwrap());
    let file = elsewhere.path().join("new.yaml");
    let file = file.to_str().unwrap();
    assert_eq!(to(demo.path(), file).status, 0);
    assert_eq!(fs::read_to_string(file).unwrap(), MANIFEST);
    assert!(to(demo.path(), file).stderr.starts_with("already approved by"));
    // The name is taken, though what it approves has expired.
    fs::write(file, format!("{MANIFEST}  expiresAt: 2020-01-01T00:00:00Z\n")).unwrap();
    assert_eq!(to(demo.path(), file).status, 0);
    assert!(fs::read_to_string(file).unwrap().contains("name: shop.frontend.calls.cards.8443.2}"));
}

#[test]
fn a_dry_run_writes_nothing() {
    let demo = demo();
    let said = here(demo.path(), &[&CARDS[..], &["--write", "new.yaml", "--dry-run"]].concat());
    let expected = format!("dry run: Approval bank/shop.frontend.calls.cards.8443 would be added to new.yaml\n{OPENS}");
    assert_eq!((said.status, said.stdout.as_str(), said.stderr), (0, MANIFEST, expected));
    assert!(!demo.path().join("new.yaml").exists());
}

#[test]
fn why_nothing_opens() {
    for (caller, callee, mode, expected) in [
        (
            "bank/ledger",
            "shop/cart:http",
            "",
            "opens nothing yet: the caller does not declare it\nfix: declare it: add this line",
        ),
        (
            "shop/report",
            "bank/ledger:rpc",
            "",
            "opens nothing yet: the caller does not declare it\nfix: declare it: write this in place",
        ),
        (
            "bank/ledger",
            "platform/prometheus:web",
            "",
            "opens nothing: it is allowed in any case: though never declared; no policy stands before the callee (mode shadow)",
        ),
        (
            "shop/frontend",
            "bank/cards:8443",
            "bank=off",
            "opens nothing: it is allowed in any case: declared and approved; no policy stands before the callee (mode off)",
        ),
        ("bank/*", "shop/*:http", "", "opens nothing: no intent of bank/* in the input is covered by shop/*:http"),
    ] {
        let mut args = vec!["approve", caller, "--to", callee, "-f", "manifests/demo"];
        if !mode.is_empty() {
            args.extend(["--mode", mode]);
        }
        let said = run(&args);
        assert_eq!(said.status, 0, "{}", said.stderr);
        assert!(said.stderr.starts_with(expected), "{args:?}: {}", said.stderr);
    }
}

#[test]
fn a_prohibition_or_another_policy_may_stand_in_the_way() {
    let demo = demo();
    fs::write(
        demo.path().join("no.yaml"),
        "apiVersion: netintent.dev/v1alpha1\nkind: ClusterProhibition\nmetadata: {name: never}\nspec: {callers: [shop/*], callees: [bank/cards]}\n",
    )
    .unwrap();
    let said = here(demo.path(), &CARDS);
    let expected = "opens nothing yet: it is prohibited\nfix: ask the platform team about ClusterProhibition never: it beats every approval\n";
    assert_eq!((said.status, said.stderr.as_str()), (0, expected));
    let said = here(demo.path(), &["approve", "shop/*", "--to", "bank/cards"]);
    assert_eq!(said.stderr, "opens nothing: ClusterProhibition never forbids shop/frontend → bank/cards:8443\n");
    fs::write(
        demo.path().join("no.yaml"),
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: shop, name: none}\nspec: {podSelector: {}, policyTypes: [Egress]}\n",
    )
    .unwrap();
    let said = here(demo.path(), &CARDS);
    assert!(
        said.stderr.starts_with("opens nothing yet: the caller's egress policies do not allow it\nfix: let "),
        "{}",
        said.stderr
    );
}

#[test]
fn a_port_with_a_name_is_approved_by_it() {
    let said = run(&["approve", "platform/dashboard", "--to", "bank/ledger:8080", "-f", "manifests/demo"]);
    assert!(said.stdout.contains("callees: [\"ledger:rpc\"]"));
    assert!(
        said.stderr.starts_with("port 8080 has a name, by which it is called: bank/ledger:rpc\n"),
        "{}",
        said.stderr
    );
    let cluster = run(&["approve", "platform/dashboard", "--to", "*/*:metrics", "-f", "manifests/demo"]);
    assert!(
        cluster.stdout.contains("kind: ClusterApproval\n") && cluster.stdout.contains("callees: [\"*/*:metrics\"]")
    );
}

#[test]
fn what_cannot_be_approved() {
    let demo = demo();
    let folder = demo.path();
    // What is hidden is not read with the folder.
    fs::create_dir(folder.join(".aside")).unwrap();
    fs::write(
        folder.join(".aside/list.yaml"),
        "{\"apiVersion\": \"v1\", \"kind\": \"Namespace\", \"metadata\": {\"name\": \"x\"}}",
    )
    .unwrap();
    fs::write(folder.join(".aside/broken.yaml"), "a: [\n").unwrap();
    let long = "x".repeat(1025);
    let cards = |more: &[&str]| [&CARDS[..], more].concat().iter().map(ToString::to_string).collect::<Vec<_>>();
    let ends = |caller: &str, callee: &str| ["approve", caller, "--to", callee].map(str::to_owned).to_vec();
    for (args, expected) in [
        (ends("shop/fronted", "bank/cards"), "no workload `fronted` in namespace shop\nhelp: did you mean `frontend`?"),
        (
            ends("shop/frontend", "bank/crads"),
            "no Service or workload `crads` in namespace bank\nhelp: did you mean `cards`?",
        ),
        (ends("shop/frontend", "bank/ledger:rcp"), "Service bank/ledger has no port `rcp`\nhelp: did you mean `rpc`?"),
        (ends("shpo/*", "bank/cards"), "no namespace `shpo`\nhelp: did you mean `shop`?"),
        (
            ends("shop/frontend", "bank/*:metrisc"),
            "no Service of `bank/*` has a port `metrisc`\nhelp: did you mean `metrics`?",
        ),
        (
            ends("10.0.0.1", "bank/cards"),
            "`10.0.0.1` is an address, which can declare no intent\nhelp: name it under `from` of an Approval",
        ),
        (
            ends("shop/frontend", "bank/deploy/cards"),
            "`bank/deployment/cards` is no Service, and callers are approved for Services\nhelp: its Services are bank/cards",
        ),
        (cards(&["--expires", "2020-01-01"]), "`2020-01-01` is past: the approval would never hold"),
        (
            cards(&["--expires", "soon"]),
            "`soon` is no time to expire at: 90d, 12h, 2w or 2027-06-30T00:00:00Z was expected",
        ),
        (cards(&["--reason", &long]), "--reason has 1025 characters, and may have 1024"),
        (cards(&["--reason", ""]), "--reason is empty: say why, or leave it out"),
        (cards(&["--write", "-"]), "--write needs a file: without it the Approval goes to standard output"),
        (cards(&["--write", "."]), "cannot write .: it is a folder"),
        (
            cards(&["--write", "kustomization.yaml"]),
            "kustomization.yaml is no manifest by its name, and would be passed over in a folder\nhelp: write to a file that ends in .yaml or .yml, and is no kustomization",
        ),
        (cards(&["--write", "none/a.yaml"]), "cannot write none/a.yaml: there is no folder none"),
        (
            cards(&["--write", "a.json"]),
            "a.json is a JSON file, which has no documents to add one to\nhelp: write to a YAML file: objects may lie in as many files as you like",
        ),
        (
            cards(&["--write", ".aside/list.yaml"]),
            "cannot edit .aside/list.yaml: the file is JSON, which has no documents to add one to; nothing was changed\nhelp: write to a YAML file: objects may lie in as many files as you like",
        ),
    ] {
        let said = here(folder, &args.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(
            (said.status, said.stdout.as_str(), said.stderr),
            (2, "", format!("error: {expected}\n")),
            "{args:?}"
        );
    }
    assert_eq!(to(folder, ".aside/broken.yaml").status, 2);
    assert_eq!(fs::read_to_string(folder.join(".aside/broken.yaml")).unwrap(), "a: [\n");
    let twice = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {namespace: shop, name: a}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}, annotations: {netintent.dev/caller: b}}, spec: {containers: [{name: c, image: c}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {namespace: shop, name: s}\nspec: {selector: {a: b}, ports: [{port: 80}]}\n";
    let said = run_on(twice, &["approve", "shop/a", "--to", "shop/s"]);
    assert!(said.status == 0 && said.stdout.contains("callers: [shop/b]"), "{}", said.stderr);
}

#[test]
fn links_are_followed_modes_kept_and_what_is_read_only_left_alone() {
    let demo = demo();
    let folder = demo.path();
    fs::create_dir(folder.join(".real")).unwrap();
    fs::rename(folder.join("bank.yaml"), folder.join(".real/bank.yaml")).unwrap();
    symlink(".real/bank.yaml", folder.join("bank.yaml")).unwrap();
    fs::set_permissions(folder.join(".real/bank.yaml"), fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(to(folder, "bank.yaml").status, 0);
    assert!(fs::symlink_metadata(folder.join("bank.yaml")).unwrap().is_symlink());
    let real = fs::metadata(folder.join(".real/bank.yaml")).unwrap();
    assert_eq!(real.permissions().mode() & 0o777, 0o640);
    assert!(fs::read_to_string(folder.join(".real/bank.yaml")).unwrap().ends_with(MANIFEST));
    assert_eq!(fs::read_dir(folder.join(".real")).unwrap().count(), 1, "no temporary file is left");
    let shop = folder.join("shop.yaml");
    let before = fs::read(&shop).unwrap();
    fs::set_permissions(&shop, fs::Permissions::from_mode(0o444)).unwrap();
    let said = here(folder, &["approve", "bank/cards", "--to", "shop/cart", "--write", "shop.yaml"]);
    assert_eq!((said.status, said.stderr.as_str()), (2, "error: cannot write shop.yaml: it is read-only\n"));
    assert_eq!(fs::read(&shop).unwrap(), before);
}

/// Of many at once each adds its own or says that it did not: none is lost, and no reader sees a part.
#[test]
fn many_at_once_lose_nothing() {
    let demo = demo();
    let folder = demo.path();
    let callers = [
        "bank/ledger",
        "bank/cards",
        "bank/ledger-db",
        "platform/dashboard",
        "platform/prometheus",
        "platform/ingress-controller",
    ];
    let outcomes: Vec<(String, Said)> = std::thread::scope(|scope| {
        let runs: Vec<_> = callers
            .iter()
            .map(|caller| {
                scope.spawn(|| {
                    let args = ["approve", caller, "--to", "shop/cart-cache", "--write", "new.yaml"];
                    ((*caller).to_owned(), here(folder, &args))
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let text = fs::read_to_string(folder.join("new.yaml")).unwrap();
    for (caller, said) in &outcomes {
        let added = text.contains(&format!("callers: [{caller}]"));
        let lost =
            said.status == 2 && said.stderr.contains("cannot write new.yaml: somebody else changed it meanwhile");
        assert!(added && said.status == 0 || !added && lost, "{caller}: {}\n{text}", said.stderr);
    }
    assert!(outcomes.iter().any(|(_, said)| said.status == 0));
    assert!(fs::read_dir(folder).unwrap().all(|entry| !entry.unwrap().file_name().to_string_lossy().starts_with('.')));
}

#[test]
fn in_a_git_repository_it_is_recorded_who_and_where() {
    let demo = demo();
    let folder = demo.path();
    let path = std::env::var_os("PATH").unwrap();
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        git.arg("-C").arg(folder).args(args).env_clear().env("PATH", &path).env("GIT_CONFIG_GLOBAL", "/dev/null");
        let output = git.output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let approve = |more: &[&str]| {
        let run = command(folder).args([&CARDS[..], more, &["-f", "."]].concat()).env("PATH", &path);
        let said = said(run.env("GIT_CONFIG_GLOBAL", "/dev/null"));
        assert_eq!(said.status, 0, "{}", said.stderr);
        said.stdout
    };
    assert_eq!(approve(&[]), MANIFEST, "no repository");
    git(&["init", "-q", "-b", "main"]);
    assert_eq!(approve(&[]), MANIFEST, "neither author nor commit");
    git(&["config", "user.name", "Ada \"L\": Lovelace"]);
    git(&["config", "user.email", "ada@example.com"]);
    let author = r#"    netintent.dev/author: "Ada \"L\": Lovelace <ada@example.com>""#;
    let head = "metadata:\n  namespace: bank\n  name: shop.frontend.calls.cards.8443\n  annotations:\n";
    assert!(approve(&[]).contains(&format!("{head}{author}\nspec:\n")), "no commit yet: {}", approve(&[]));
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "one"]);
    let commit = git(&["rev-parse", "HEAD"]);
    let text = approve(&[]);
    let annotated = text.lines().find_map(|line| line.strip_prefix("    netintent.dev/commit: "));
    assert_eq!(annotated.map(|value| value.trim_matches('"')), Some(commit.as_str()), "{text}");
    // It is the repository of the file that counts, not that of whoever calls.
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("a.yaml");
    approve(&["--write", file.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(&file).unwrap(), MANIFEST);
}
