//! What is accepted, and what is wrong with acceptances.

use super::{found_with, locate, options};
use crate::check::accept::{Accepted, accept, comments};
use crate::testing::deployment;

/// A Deployment on its node's network, with a comment before or in that line, and annotations.
fn manifest(above: &str, behind: &str, annotation: &str) -> String {
    let text = deployment("shop", "web", "")
        .replace("    spec:\n", &format!("    spec:\n{above}      hostNetwork: true{behind}\n"));
    text.replacen("name: web}", &format!("name: web, annotations: {{netintent.dev/accept: \"{annotation}\"}}}}"), 1)
}

/// The codes that stay, and the reasons for those that do not.
fn after(text: &str) -> (Vec<String>, Vec<String>) {
    let (all, snapshot) = found_with(text, &options(&[]));
    let (kept, accepted) = accept(all, &snapshot.objects, &comments(0, text), &|place| locate(text, place));
    let reasons = accepted.into_iter().map(|Accepted { reason, .. }| reason).collect();
    (kept.into_iter().map(|f| format!("{}: {}", f.code, f.message)).collect(), reasons)
}

fn reasons(text: &str) -> Vec<String> {
    let (kept, reasons) = after(text);
    assert_eq!(kept, Vec::<String>::new());
    reasons
}

#[test]
fn by_a_comment_or_an_annotation() {
    assert_eq!(reasons(&manifest("", " # netintent:accept host-network: a node agent", "")), ["a node agent"]);
    let above = "      # netintent:accept host-network:   it: watches  \n      # and more\n\n";
    assert_eq!(reasons(&manifest(above, "", "")), ["it: watches"]);
    assert_eq!(reasons(&manifest("", "", "host-network: by the object")), ["by the object"]);
    // Of several the first that stands there counts, and none is left over.
    assert_eq!(reasons(&manifest("", " # netintent:accept host-network: b", "host-network: a")), ["a"]);
}

#[test]
fn only_where_it_stands_and_only_that_code() {
    let elsewhere = format!("# netintent:accept host-network: up here\n{}", manifest("", "", ""));
    let (kept, reasons) = after(&elsewhere);
    assert_eq!(reasons, Vec::<String>::new());
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert!(kept[1].starts_with("unknown-acceptance: this accepts nothing: there is no host-network here"), "{kept:?}");
    let (kept, _) = after(&manifest("", " # netintent:accept reserved-label: no", ""));
    assert_eq!(kept.len(), 2, "{kept:?}");
    let other = manifest("", "", "host-network: mine")
        + &deployment("shop", "cart", "").replace("    spec:\n", "    spec:\n      hostNetwork: true\n");
    let (kept, reasons) = after(&other);
    assert_eq!((kept.len(), reasons.len()), (1, 1), "of another object: {kept:?}");
}

/// Of several lines the wrong one is underlined, and it alone.
#[test]
fn a_line_of_an_annotation_is_underlined() {
    let text = manifest("", "", "host-network: mine\\n  nosuch: x \\n");
    let (all, snapshot) = found_with(&text, &options(&[]));
    let (kept, _) = accept(all, &snapshot.objects, &[], &|place| locate(&text, place));
    let [wrong] = &kept[..] else { panic!("{kept:?}") };
    assert_eq!(super::underlined(&text, wrong), "nosuch: x");
}

#[test]
fn what_is_wrong_with_an_acceptance() {
    let wrong = |text: &str| after(&manifest("", text, "")).0.into_iter().find(|k| k.starts_with("unknown")).unwrap();
    assert!(wrong(" # netintent:accept host-netwrok: x").contains("no finding of the code `host-netwrok`"));
    assert!(wrong(" # netintent:accept host-network").ends_with("accepting host-network needs a reason"));
    assert!(wrong(" # netintent:accept host-network:  ").ends_with("accepting host-network needs a reason"));
    // What is no comment accepts nothing, and neither does one about something else.
    assert_eq!(comments(0, "a: \"netintent:accept host-network: x\""), []);
    assert_eq!(comments(0, "a: b # see netintent:accept host-network: x"), []);
    // Nor does a `#` within a value, but for that of intents.
    assert_eq!(comments(0, "a: [\"# netintent:accept x: y\"]"), []);
    assert_eq!(comments(0, "a: |\n  # netintent:accept x: y\nb: 'x\n  # netintent:accept x: y'"), []);
    assert_eq!(comments(0, "netintent.dev/calls: |\n  a # netintent:accept x: y\n").len(), 1);
    assert_eq!(comments(0, "- a # netintent:accept x: y\n- b").len(), 1);
    let found = comments(7, "a: b # ü netintent\nc: d   #netintent:accept x: y  \n# netintent:accept z: w");
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].line, found[0].origin.span.start.column, found[0].origin.span.end.column), (2, 8, 30));
    assert_eq!((found[0].text.as_str(), found[0].origin.file), ("x: y", 7));
    assert_eq!((found[1].line, found[1].text.as_str()), (3, "z: w"), "with nothing below, its own line");
}
