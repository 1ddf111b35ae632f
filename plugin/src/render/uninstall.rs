//! What `uninstall` says: what goes and what stays.

use netintent::names::{self, printable};

use crate::cli::Uninstall;
use crate::cluster::Meta;
use crate::commands::uninstall::{Found, Left, MOST, Own, Stage};

/// `goes: 3 Services: a, b, c`, of many the first.
pub(crate) fn listed(word: &str, kind: &str, all: &[String]) -> String {
    format!("{word} {}: {}", counted(all.len(), kind), first(all))
}

/// `1 NetworkPolicy`, `2 NetworkPolicies`.
fn counted(count: usize, kind: &str) -> String {
    match (count, kind.strip_suffix('y')) {
        (1, _) => format!("1 {kind}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {kind}s"),
    }
}

fn of(found: &Found, stage: Stage) -> impl Iterator<Item = &Own> {
    found.own.iter().filter(move |own| own.stage == stage)
}

/// The first of many names.
pub(crate) fn first(all: &[String]) -> String {
    let first = all.iter().take(MOST).map(|name| printable(name)).collect::<Vec<_>>().join(", ");
    let more = if all.len() > MOST { format!(" and {} more", all.len() - MOST) } else { String::new() };
    format!("{first}{more}")
}

/// What goes and what stays, a line each.
pub(crate) fn lines(args: &Uninstall, found: &Found) -> Vec<String> {
    let mut lines = Vec::new();
    let named = |all: &[Meta]| all.iter().map(Meta::full_name).collect::<Vec<_>>();
    let kinds: Vec<String> =
        of(found, Stage::Kind).map(|own| own.name.replace("CustomResourceDefinition ", "")).collect();
    // The controller of Helm's release goes by them as long as it is there.
    let [mode, labels] = if found.helm.is_some() {
        [
            "goes once Helm's release is gone: the mode of",
            "go once Helm's release is gone: the labels that netintent gave",
        ]
    } else {
        ["goes: the mode of", "goes: the labels that netintent gave"]
    };
    for (word, kind, names) in [
        ("goes:", "NetworkPolicy", named(&found.policies)),
        ("goes: the mode of", "Service", named(&found.services)),
        (mode, "Namespace", named(&found.namespaces)),
        (labels, "pod", named(&found.pods)),
        ("goes:", "kind", kinds),
    ] {
        if !names.is_empty() {
            lines.push(listed(word, kind, &names));
        }
    }
    let parts = found.own.iter().filter(|own| !matches!(own.stage, Stage::Kind | Stage::Namespace)).count();
    if parts > 0 {
        lines.push(format!("goes: what netintent is installed by: {}", counted(parts, "object")));
    }
    lines.extend(of(found, Stage::Namespace).map(|own| format!("goes: {}", own.name)));
    let counts: Vec<String> = found.statements.iter().map(|(kind, count)| counted(*count, kind)).collect();
    if !counts.is_empty() {
        let counts = counts.join(", ");
        lines.push(if args.keep_approvals || found.helm.is_some() {
            format!("stays: what people have approved: {counts}")
        } else {
            format!("goes for good: what people have approved: {counts} (--keep-approvals keeps it)")
        });
    }
    lines.push(format!("stays: what workloads declare in {}: it means nothing any more", names::CALLS));
    lines.extend(rest(found));
    lines
}

/// What has to stay, and why.
fn rest(found: &Found) -> Vec<String> {
    let mut lines = Vec::new();
    let namespace = &found.namespace;
    if !found.foreign.is_empty() {
        lines.push(listed("stays, since it is not netintent's:", "object", &found.foreign));
    }
    if !found.strays.is_empty() {
        let names: Vec<String> = found.strays.iter().map(Meta::full_name).collect();
        lines.push(listed("stays, since netintent did not write it:", "NetworkPolicy", &names));
    }
    if !found.guests.is_empty() {
        lines.push(listed(&format!("stays: Namespace {namespace}, for what else is in it,"), "object", &found.guests));
    }
    if let Some(release) = &found.helm {
        let release = printable(release);
        lines.push(format!(
            "stays: what Helm installed as release {release}: afterwards helm uninstall {release} -n {namespace}, then this again"
        ));
    }
    lines
}

/// What could not be taken away, a line each, of much the first.
pub(crate) fn left(all: &[Left]) -> Vec<String> {
    let mut lines: Vec<String> = all.iter().take(MOST).map(Left::line).collect();
    if all.len() > MOST {
        lines.push(format!("stays: {} more: run the command again once these are gone", all.len() - MOST));
    }
    lines
}

/// The last word.
pub(crate) fn end(found: &Found) -> String {
    let rest = rest(found);
    if rest.is_empty() { "netintent is uninstalled".to_owned() } else { rest.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_names_the_first_are_told() {
        let names: Vec<String> = (0..12).map(|number| format!("n/a{number}")).collect();
        assert_eq!(listed("goes:", "NetworkPolicy", &names[..1]), "goes: 1 NetworkPolicy: n/a0");
        let many = listed("goes:", "NetworkPolicy", &names);
        assert!(many.starts_with("goes: 12 NetworkPolicies: n/a0, ") && many.ends_with(", n/a9 and 2 more"), "{many}");
        assert!(!listed("goes:", "x", &["a\u{1b}[31m".to_owned()]).contains('\u{1b}'));
    }
}
