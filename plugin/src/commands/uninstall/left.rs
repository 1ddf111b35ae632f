//! What can't be taken away, since somebody holds it or writes it again: it is named, and the rest goes on.

use netintent::names::printable;
use serde_json::Value;

/// Of how many it is told one by one.
pub(crate) const MOST: usize = 10;

/// Something that stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    /// Kind and name.
    pub(crate) what: String,
    /// Why it stays, and what it means meanwhile.
    pub(crate) why: String,
    /// What to do.
    pub(crate) help: String,
}

impl Left {
    /// An object on its way out that finalizers hold; `meaning` is what it does meanwhile.
    pub(super) fn held(kind: &str, full_name: &str, object: &Value, meaning: &str) -> Self {
        let finalizers = object["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let finalizers: Vec<&str> = finalizers.collect();
        let (noun, hold) = if finalizers.len() == 1 { ("finalizer", "holds") } else { ("finalizers", "hold") };
        let named = finalizers.join(", ");
        let why = if finalizers.is_empty() {
            format!("it is on its way out{meaning}")
        } else {
            format!("the {noun} {named} {hold} it{meaning}")
        };
        let (namespace, name) = full_name
            .split_once('/')
            .map_or((String::new(), full_name), |(namespace, name)| (format!(" -n {namespace}"), name));
        let help = if finalizers.is_empty() {
            "wait until it is gone, and run the command again".to_owned()
        } else {
            format!(
                "ask whoever put it there, or: kubectl patch{namespace} {} {name} --type=merge -p \
                 '{{\"metadata\":{{\"finalizers\":null}}}}'",
                kind.to_ascii_lowercase()
            )
        };
        Self { what: format!("{kind} {full_name}"), why, help }
    }

    /// Something that somebody writes again as often as it is taken away.
    pub(super) fn rewritten(what: String, help: &str) -> Self {
        Self { what, why: "somebody writes it again".to_owned(), help: help.to_owned() }
    }

    /// As it is told, in one line.
    pub(crate) fn line(&self) -> String {
        printable(&format!("stays: {}: {}; {}", self.what, self.why, self.help))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_holds_it_is_named_with_what_to_do() {
        let of = |finalizers: Value| {
            let object = json!({"metadata": {"finalizers": finalizers}});
            Left::held("NetworkPolicy", "bank/netintent-a", &object, ", and it selects no pod any more").line()
        };
        assert_eq!(
            of(json!(["a.example/b"])),
            "stays: NetworkPolicy bank/netintent-a: the finalizer a.example/b holds it, and it selects no pod any more; ask \
             whoever put it there, or: kubectl patch -n bank networkpolicy netintent-a --type=merge -p \
             '{\"metadata\":{\"finalizers\":null}}'"
        );
        assert!(of(json!(["a/b", "c/d"])).contains(": the finalizers a/b, c/d hold it"));
        assert!(of(json!([])).ends_with(
            ": it is on its way out, and it selects no pod any more; wait until it is gone, and run the command again"
        ));
        assert!(!of(json!(["a/\u{1b}[31m"])).contains('\u{1b}'));
    }
}
