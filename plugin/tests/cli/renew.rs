//! `approve --expires` of what is approved already: the end that is asked for is the end that holds.

use std::fs;
use std::path::Path;

use crate::approve::{demo, here};
use crate::run::Said;

const ENDS: [&str; 4] = ["approve", "shop/frontend", "--to", "bank/cards:8443"];
const NAME: &str = "Approval bank/shop.frontend.calls.cards.8443";

fn approve(folder: &Path, more: &[&str]) -> Said {
    here(folder, &[&ENDS[..], more].concat())
}

#[test]
fn an_approval_of_just_these_two_ends_when_it_is_asked_to() {
    let demo = demo();
    let folder = demo.path();
    let file = || fs::read_to_string(folder.join("new.yaml")).unwrap();
    let until = |expires: &str| approve(folder, &["--expires", expires, "--write", "new.yaml"]);
    assert_eq!(until("2999-01-01").status, 0);
    let first = file();
    // A dry run says it, later and sooner; and what is as asked stays.
    for (expires, dry_run) in [("2999-06-01", true), ("2999-06-01", false), ("2998-01-01", false)] {
        let before = file();
        let old = before.rsplit_once("expiresAt: ").unwrap().1.trim().to_owned();
        let mut args = vec!["--expires", expires, "--write", "new.yaml"];
        args.extend(dry_run.then_some("--dry-run"));
        let said = approve(folder, &args);
        let done = if dry_run { "dry run: it would change" } else { "changed" };
        let expected = format!("{done} {NAME} in new.yaml: until {expires}T00:00:00Z; it was until {old}\n");
        assert_eq!((said.status, said.stderr), (0, expected));
        let wanted = if dry_run { before } else { first.replace("2999-01-01", expires) };
        assert_eq!(file(), wanted);
    }
    let said = until("2998-01-01");
    let expected = format!("already approved by {NAME} (new.yaml:1), until 2998-01-01T00:00:00Z: nothing is written\n");
    assert_eq!((said.status, said.stderr.replace("./", "")), (0, expected));
    // Without a file it is printed, under the same name.
    let said = approve(folder, &["--expires", "2999-01-01", "--reason", "PAY-2"]);
    assert_eq!(said.stdout, first.replace("  expiresAt", "  reason: PAY-2\n  expiresAt"));
    assert!(said.stderr.starts_with("it takes the place of Approval bank/"), "{}", said.stderr);
    // Where it stands in another file, that one is named.
    let before = file();
    let said = approve(folder, &["--expires", "2999-01-01", "--write", "other.yaml"]);
    assert_eq!(said.status, 2);
    assert!(said.stderr.contains("help: change it there: --write ./new.yaml"), "{}", said.stderr);
    assert!(file() == before && !folder.join("other.yaml").exists());
}

#[test]
fn one_that_has_ended_holds_again_and_one_without_an_end_gets_one() {
    let demo = demo();
    let folder = demo.path();
    assert_eq!(approve(folder, &["--write", "new.yaml"]).status, 0);
    let text = fs::read_to_string(folder.join("new.yaml")).unwrap();
    let said = approve(folder, &["--expires", "2999-01-01", "--write", "new.yaml"]);
    let expected = format!("changed {NAME} in new.yaml: until 2999-01-01T00:00:00Z; it had no end\n");
    assert_eq!((said.status, said.stderr), (0, expected));
    fs::write(folder.join("new.yaml"), text + "  expiresAt: 2020-01-01T00:00:00Z\n").unwrap();
    let said = approve(folder, &["--expires", "2999-01-01", "--write", "new.yaml"]);
    let expected = format!(
        "changed {NAME} in new.yaml: until 2999-01-01T00:00:00Z; it was until 2020-01-01T00:00:00Z\n\
         opens: shop/frontend → bank/cards: TCP 8443\n"
    );
    assert_eq!((said.status, said.stderr), (0, expected));
}

#[test]
fn a_wider_one_that_ends_sooner_is_not_enough() {
    let demo = demo();
    let folder = demo.path();
    let wider = "apiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {namespace: bank, name: wide}\n\
                 spec: {callers: [shop/*], callees: [cards], expiresAt: 2998-01-01T00:00:00Z}\n";
    fs::write(folder.join("wide.yaml"), wider).unwrap();
    let said = approve(folder, &["--expires", "2997-01-01"]);
    assert!(said.status == 0 && said.stdout.is_empty(), "{}", said.stdout);
    assert!(
        said.stderr.contains("already approved by Approval bank/wide (./wide.yaml:1), until 2998"),
        "{}",
        said.stderr
    );
    let said = approve(folder, &["--expires", "2999-01-01"]);
    assert!(said.stdout.ends_with("  expiresAt: 2999-01-01T00:00:00Z\n"), "{}", said.stdout);
    assert!(
        said.stderr.contains("Approval bank/wide (./wide.yaml:1), until 2998-01-01T00:00:00Z does not hold as long")
    );
    // One that is to end sooner does not end the call where another holds longer.
    assert_eq!(approve(folder, &["--expires", "2999-01-01", "--write", "new.yaml"]).status, 0);
    let said = approve(folder, &["--expires", "2997-01-01", "--write", "new.yaml"]);
    let longer = "Approval bank/wide (./wide.yaml:1), until 2998-01-01T00:00:00Z holds longer, and says the same\n";
    assert!(said.status == 0 && said.stderr.contains(longer), "{}", said.stderr);
    // An end that is none is an error, whatever is approved.
    for (expires, message) in [("yesterday", "is no time to expire at"), ("2020-01-01", "is past")] {
        let said = approve(folder, &["--expires", expires]);
        assert_eq!((said.status, said.stdout.as_str()), (2, ""));
        assert!(said.stderr.contains(message), "{}", said.stderr);
    }
}

/// What the platform team has approved is theirs to renew: the callee's owners have one of their own.
#[test]
fn one_of_another_place_is_left_alone() {
    let demo = demo();
    let folder = demo.path();
    let theirs = "apiVersion: netintent.dev/v1alpha1\nkind: ClusterApproval\nmetadata: {name: all}\nspec:\n  callers: [shop/frontend]\n  callees: [\"bank/cards:8443\"]\n  expiresAt: 2998-01-01T00:00:00Z\n";
    fs::write(folder.join("theirs.yaml"), theirs).unwrap();
    let said = approve(folder, &["--expires", "2999-01-01", "--write", "new.yaml"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stderr.contains("ClusterApproval all") && said.stderr.contains("does not hold as long"), "{said:?}");
    assert_eq!(fs::read_to_string(folder.join("theirs.yaml")).unwrap(), theirs);
    assert!(fs::read_to_string(folder.join("new.yaml")).unwrap().contains("kind: Approval\n"));
}
