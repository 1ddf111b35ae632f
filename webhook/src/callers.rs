//! Callers as people read them: each once, with the number of its pods.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use netintent::caller::Caller;

use crate::world::Key;

/// How many callers are named.
const NAMED: usize = 10;
/// How many characters of a name are shown: a name can be as long as a note may be.
const LONG: usize = 80;

/// The callers of these pods.
pub(crate) fn named<'p>(pods: impl IntoIterator<Item = (&'p Caller, &'p Key)>) -> String {
    let mut callers: BTreeMap<&Caller, BTreeSet<&Key>> = BTreeMap::new();
    for (caller, pod) in pods {
        callers.entry(caller).or_default().insert(pod);
    }
    some(callers.into_iter().map(|(caller, pods)| {
        let plural = if pods.len() == 1 { "" } else { "s" };
        (caller, format!("{} ({} pod{plural})", shown(caller), pods.len()))
    }))
}

/// The same without the number of pods, which changes more often than anybody wants to be told.
pub(crate) fn named_alone<'p>(callers: impl IntoIterator<Item = &'p Caller>) -> String {
    let callers: BTreeSet<&Caller> = callers.into_iter().collect();
    some(callers.into_iter().map(|caller| (caller, shown(caller))))
}

/// What a change of an approval or a prohibition takes from these pods.
pub(crate) fn losing<'p>(pods: impl IntoIterator<Item = (&'p Caller, &'p Key)>) -> String {
    format!("running pods lose access: {}", named(pods))
}

fn shown(caller: &Caller) -> String {
    let mut text = caller.to_string();
    if text.chars().count() > LONG {
        text = text.chars().take(LONG).chain(['…']).collect();
    }
    text
}

/// The first callers of each namespace: nobody pushes others out who makes many of one.
fn some<'c>(callers: impl Iterator<Item = (&'c Caller, String)>) -> String {
    let mut namespaces: BTreeMap<&str, VecDeque<String>> = BTreeMap::new();
    let mut count = 0;
    for (caller, text) in callers {
        namespaces.entry(&caller.namespace).or_default().push_back(text);
        count += 1;
    }
    let mut chosen: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut named = 0;
    while named < NAMED.min(count) {
        for (namespace, names) in &mut namespaces {
            if let Some(name) = names.pop_front().filter(|_| named < NAMED) {
                chosen.entry(namespace).or_default().push(name);
                named += 1;
            }
        }
    }
    let mut names: Vec<String> = chosen.into_values().flatten().collect();
    if count > named {
        names.push(format!("and {} more callers", count - named));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(namespace: &str, name: &str) -> Caller {
        Caller { namespace: namespace.to_owned(), name: name.to_owned() }
    }

    #[test]
    fn a_caller_is_named_once_with_its_pods() {
        let (web, api) = (caller("shop", "web"), caller("shop", "api"));
        let keys = ["a", "b", "c"].map(|name| ("shop".to_owned(), name.to_owned()));
        let text = named([(&web, &keys[0]), (&web, &keys[1]), (&web, &keys[1]), (&api, &keys[2])]);
        assert_eq!(text, "shop/api (1 pod), shop/web (2 pods)");
    }

    #[test]
    fn whoever_makes_many_pushes_nobody_out() {
        let mut callers: Vec<Caller> = (0..100).map(|number| caller("aaa", &format!("{number:03}"))).collect();
        callers.extend([caller("shop", "web"), caller("shop", &"x".repeat(200))]);
        let text = named_alone(&callers);
        assert!(text.contains("shop/web") && text.ends_with(", and 92 more callers"), "{text}");
        assert!(text.len() < 400, "{text}");
    }
}
