//! `revoke`: what goes, and that nothing else does.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use crate::approve::{demo, here};
use crate::run::{Said, run, run_on};

const CARDS: [&str; 4] = ["revoke", "shop/frontend", "--to", "bank/cards:8443"];
const CLOSES: &str = "closes: shop/frontend → bank/cards: TCP 8443\n";
const HEAD: &str = "apiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {namespace: bank, name: a}\n";

fn read(folder: &Path, file: &str) -> String {
    fs::read_to_string(folder.join(file)).unwrap()
}

/// Writes an approval into a demo and revokes the frontend's call of the cards.
fn revoked(spec: &str) -> (tempfile::TempDir, Said) {
    let demo = demo();
    fs::write(demo.path().join("a.yaml"), format!("{HEAD}spec:\n{spec}")).unwrap();
    let said = here(demo.path(), &CARDS);
    (demo, said)
}

#[test]
fn what_was_approved_is_restored_byte_for_byte() {
    for (name, text) in [
        ("new.yaml", None),
        ("empty.yaml", Some("")),
        ("comment.yaml", Some("# only this")),
        ("crlf.yaml", Some("# a\r\napiVersion: v1\r\nkind: Namespace\r\nmetadata: {name: x}")),
        ("separator.yaml", Some("apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n---\n# the end\n---\n")),
    ] {
        let demo = demo();
        let folder = demo.path();
        if let Some(text) = text {
            fs::write(folder.join(name), text).unwrap();
        }
        let args = ["approve", "shop/frontend", "--to", "bank/cards:8443", "--reason", "a: #b", "--write", name];
        assert_eq!(here(folder, &args).status, 0);
        assert_eq!(here(folder, &["explain", "-q", "shop/frontend", "bank/cards:8443"]).status, 0);
        let said = here(folder, &CARDS);
        assert_eq!((said.status, said.stdout.as_str()), (0, ""), "{}", said.stderr);
        assert!(
            said.stderr
                .ends_with(&format!("took Approval bank/shop.frontend.calls.cards.8443 out of ./{name}\n{CLOSES}"))
        );
        assert_eq!(here(folder, &["explain", "-q", "shop/frontend", "bank/cards:8443"]).status, 1);
        assert_eq!(fs::read_to_string(folder.join(name)).ok().as_deref(), text, "{name}");
    }
}

#[test]
fn an_item_goes_alone_and_what_remains_is_kept() {
    let (demo, said) =
        revoked("  callers:\n    - shop/cart # it\n    # who else\n    - shop/frontend\n  callees: ['cards:8443']\n");
    assert_eq!(said.stderr, format!("took shop/frontend of Approval bank/a out of ./a.yaml\n{CLOSES}"));
    assert_eq!(
        read(demo.path(), "a.yaml"),
        format!("{HEAD}spec:\n  callers:\n    - shop/cart # it\n  callees: ['cards:8443']\n")
    );
    let (demo, said) = revoked("  callers: [shop/frontend]\n  callees: ['cards:8443', ledger]\n");
    assert_eq!(said.stderr, format!("took bank/cards:8443 of Approval bank/a out of ./a.yaml\n{CLOSES}"));
    assert_eq!(read(demo.path(), "a.yaml"), format!("{HEAD}spec:\n  callers: [shop/frontend]\n  callees: [ledger]\n"));
    let from = "  callees: ['cards:8443']\n  from: [{podSelector: {}}]\n";
    let (demo, said) = revoked(&format!("  callers: [shop/frontend]\n{from}"));
    assert_eq!(said.stderr, format!("took `callers` of Approval bank/a out of ./a.yaml\n{CLOSES}"));
    assert_eq!(read(demo.path(), "a.yaml"), format!("{HEAD}spec:\n{from}"));
}

#[test]
fn of_several_of_both_the_rest_is_a_document_of_its_own() {
    let (demo, said) = revoked(
        "  callers: [shop/frontend, shop/cart]\n  callees: ['cards:8443', ledger]\n  reason: both\n  expiresAt: 2999-01-01T00:00:00Z\n",
    );
    assert_eq!(
        said.stderr,
        format!(
            "took shop/frontend of Approval bank/a out of ./a.yaml, and added Approval bank/shop.frontend.calls.ledger, for what shop/frontend may still call\n{CLOSES}"
        )
    );
    let spec = "  reason: both\n  expiresAt: 2999-01-01T00:00:00Z\n";
    assert_eq!(
        read(demo.path(), "a.yaml"),
        format!(
            "{HEAD}spec:\n  callers: [shop/cart]\n  callees: ['cards:8443', ledger]\n{spec}---\n{}spec:\n  callers: [shop/frontend]\n  callees: [\"ledger\"]\n{spec}",
            HEAD.replace("name: a}", "name: shop.frontend.calls.ledger}")
        )
    );
    assert_eq!(here(demo.path(), &["explain", "-q", "shop/frontend", "bank/ledger:rpc"]).status, 0);
}

#[test]
fn a_wider_approval_is_named_and_nothing_changes() {
    for (spec, other) in [
        ("  callers: [shop/*]\n  callees: ['cards:8443']\n", ""),
        ("  callers: [shop/frontend]\n  callees: [cards]\n", ""),
        ("  callers: [shop/frontend]\n  callees: ['*:8443']\n", ""),
        // The exact one beside it would close nothing.
        (
            "  callers: [shop/frontend, shop/*]\n  callees: ['cards:8443']\n",
            "  callers: [shop/frontend]\n  callees: ['cards:8443']\n",
        ),
    ] {
        let demo = demo();
        let exact = if other.is_empty() {
            String::new()
        } else {
            format!("---\n{}spec:\n{other}", HEAD.replace("name: a}", "name: b}"))
        };
        let text = format!("{HEAD}spec:\n{spec}{exact}");
        fs::write(demo.path().join("a.yaml"), &text).unwrap();
        let said = here(demo.path(), &CARDS);
        let expected = "error: shop/frontend → bank/cards:8443 is covered by a wider approval: Approval bank/a (./a.yaml:1)\nhelp: nothing was changed: narrow that one, or have the platform team prohibit it\n";
        assert_eq!((said.status, said.stdout.as_str(), said.stderr.as_str()), (2, "", expected));
        assert_eq!(read(demo.path(), "a.yaml"), text);
    }
    // What has expired covers nothing.
    let (_demo, said) = revoked("  callers: [shop/*]\n  callees: [cards]\n  expiresAt: 2020-01-01T00:00:00Z\n");
    assert!(said.stderr.starts_with("error: nothing approves shop/frontend → bank/cards:8443\n"), "{}", said.stderr);
}

/// An object that stands twice holds as its later one does: without that, the earlier one would.
#[test]
fn what_was_hidden_does_not_come_to_hold() {
    let (demo, _) = revoked("  callers: [shop/*]\n  callees: [cards]\n");
    let text = format!("{HEAD}spec:\n  callers: [shop/frontend]\n  callees: ['cards:8443']\n");
    fs::write(demo.path().join("b.yaml"), &text).unwrap();
    let said = here(demo.path(), &CARDS);
    assert_eq!(said.status, 2);
    assert!(said.stderr.contains("is covered by a wider approval: Approval bank/a (./a.yaml:1)"), "{}", said.stderr);
    assert_eq!(read(demo.path(), "b.yaml"), text);
}

#[test]
fn several_of_one_meaning_go_together_in_all_files() {
    let demo = demo();
    let folder = demo.path();
    let spec = "spec:\n  callers: [shop/frontend]\n  callees: ['cards:8443']\n";
    fs::write(folder.join("a.yaml"), format!("{HEAD}{spec}---\n{}{spec}", HEAD.replace("name: a}", "name: b}")))
        .unwrap();
    fs::write(folder.join("c.yaml"), format!("# c\n\n{}{spec}", HEAD.replace("name: a}", "name: c}"))).unwrap();
    let dry = here(folder, &[&CARDS[..], &["--dry-run"]].concat());
    assert_eq!(dry.status, 0);
    assert!(
        dry.stdout.contains("./a.yaml\n-    1  apiVersion") && dry.stdout.contains("./c.yaml\n-    3  api"),
        "{}",
        dry.stdout
    );
    assert_eq!(dry.stderr.matches("dry run: it would take Approval bank/").count(), 3, "{}", dry.stderr);
    assert!(folder.join("a.yaml").exists());
    // The same file by two ways is one.
    let said = here(folder, &[&CARDS[..], &["-f", "a.yaml"]].concat());
    assert_eq!(said.status, 0, "{}", said.stderr);
    assert!(said.stderr.contains("removed ") && !folder.join("a.yaml").exists(), "{}", said.stderr);
    assert_eq!(read(folder, "c.yaml"), "# c\n\n");
}

#[test]
fn who_and_what_is_gone_can_be_revoked_by_name() {
    let (demo, _) = revoked("  callers: [shop/gone]\n  callees: ['old:rpc', 'ledger:8080']\n");
    let said = here(demo.path(), &["revoke", "shop/gone", "--to", "bank/old:rpc"]);
    let expected = "took bank/old:rpc of Approval bank/a out of ./a.yaml\ncloses nothing: there is no workload shop/gone, or no Service bank/old\n";
    assert_eq!((said.status, said.stderr.as_str()), (0, expected));
    // A number in an approval of a port that has a name approves nothing, and can go all the same.
    let said = here(demo.path(), &["revoke", "shop/gone", "--to", "bank/ledger:8080"]);
    assert_eq!(said.status, 0, "{}", said.stderr);
    assert!(!demo.path().join("a.yaml").exists());
}

#[test]
fn what_cannot_be_revoked() {
    let demo_folder = "manifests/demo";
    for (args, expected) in [
        (
            ["revoke", "shop/frontend", "--to", "bank/ledger"],
            "nothing approves shop/frontend → bank/ledger\nhelp: Approval bank/frontend-refunds (manifests/demo/approvals.yaml:2) approves shop/frontend → bank/ledger:rpc",
        ),
        (
            ["revoke", "shop/cart", "--to", "bank/ledger:rpc"],
            "nothing approves shop/cart → bank/ledger:rpc\nhelp: Approval bank/frontend-refunds (manifests/demo/approvals.yaml:2) approves shop/frontend → bank/ledger:rpc",
        ),
        (
            ["revoke", "shop/fronted", "--to", "bank/ledger:rpc"],
            "no workload `fronted` in namespace shop\nhelp: did you mean `frontend`?",
        ),
        (
            ["revoke", "shop/frontend", "--to", "bank/legder:rpc"],
            "no Service or workload `legder` in namespace bank\nhelp: did you mean `ledger`?",
        ),
    ] {
        let said = run(&[&args[..], &["-f", demo_folder]].concat());
        assert_eq!((said.status, said.stdout.as_str(), said.stderr), (2, "", format!("error: {expected}\n")));
    }
    let approval = format!("{HEAD}spec:\n  callers: [shop/frontend]\n  callees: ['cards:8443']\n");
    let said = run_on(&approval, &[&CARDS[..], &["-f", demo_folder]].concat());
    let expected = "error: the approval is in standard input, which cannot be edited\nhelp: give its file with -f\n";
    assert_eq!((said.status, said.stderr.as_str()), (2, expected));
}

#[test]
fn what_cannot_be_edited_safely_is_left_as_it_is() {
    for (spec, expected) in [
        (
            "  callers: &all [shop/frontend, shop/cart]\n  callees: ['cards:8443']\n",
            "cannot edit ./a.yaml:1:1: the document has anchors or aliases: a change might not stay in its place; nothing was changed\nhelp: take it out by hand",
        ),
        (
            "  callers:\n  -\n    shop/frontend\n  - shop/cart\n  callees: ['cards:8443']\n",
            "cannot edit ./a.yaml:7:5: it is written in a way that cannot be edited safely; nothing was changed\nhelp: take it out by hand",
        ),
    ] {
        let (demo, said) = revoked(spec);
        assert_eq!((said.status, said.stdout.as_str(), said.stderr), (2, "", format!("error: {expected}\n")));
        assert_eq!(read(demo.path(), "a.yaml"), format!("{HEAD}spec:\n{spec}"));
    }
    let demo = demo();
    let json = "{\"apiVersion\":\"netintent.dev/v1alpha1\",\"kind\":\"Approval\",\"metadata\":{\"namespace\":\"bank\",\"name\":\"a\"},\n \"spec\":{\"callers\":[\"shop/cart\", \"shop/frontend\"],\"callees\":[\"cards:8443\"]}}\n";
    fs::write(demo.path().join("a.json"), json).unwrap();
    assert_eq!(here(demo.path(), &CARDS).status, 0);
    assert_eq!(read(demo.path(), "a.json"), json.replace(", \"shop/frontend\"", ""));
    let said = here(demo.path(), &["revoke", "shop/cart", "--to", "bank/cards:8443"]);
    assert!(
        said.stderr.contains("a JSON file cannot be empty; nothing was changed\nhelp: remove the file"),
        "{}",
        said.stderr
    );
}

#[test]
fn no_file_changes_where_one_cannot() {
    let demo = demo();
    let folder = demo.path();
    let spec = "spec:\n  callers: [shop/frontend]\n  callees: ['cards:8443']\n";
    let text = |name: &str| format!("{}{spec}", HEAD.replace("name: a}", &format!("name: {name}}}")));
    fs::write(folder.join("a.yaml"), text("a")).unwrap();
    fs::write(folder.join("b.yaml"), text("b")).unwrap();
    fs::set_permissions(folder.join("b.yaml"), fs::Permissions::from_mode(0o444)).unwrap();
    let said = here(folder, &CARDS);
    let expected = "error: cannot write ./b.yaml: it is read-only\nhelp: nothing was changed\n";
    assert_eq!((said.status, said.stderr.as_str()), (2, expected));
    assert_eq!((read(folder, "a.yaml"), read(folder, "b.yaml")), (text("a"), text("b")));
}

#[test]
fn what_a_link_leads_to_is_emptied_not_removed() {
    let (demo, elsewhere) = (demo(), tempfile::tempdir().unwrap());
    let real = elsewhere.path().join("a.yaml");
    fs::write(&real, format!("{HEAD}spec:\n  callers: [shop/frontend]\n  callees: ['cards:8443']\n")).unwrap();
    symlink(&real, demo.path().join("a.yaml")).unwrap();
    assert_eq!(here(demo.path(), &CARDS).status, 0);
    assert_eq!(fs::read_to_string(&real).unwrap(), "");
    assert!(fs::symlink_metadata(demo.path().join("a.yaml")).unwrap().is_symlink());
}
