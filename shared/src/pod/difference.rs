//! How the labels that a pod carries differ from those that it has a right to.

use serde_json::{Map, Value, json};

use crate::names;

/// The difference: nothing else of a pod is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Keys that it should have and has not, or with another value.
    pub adds: Vec<String>,
    /// Keys that it should not have.
    pub removes: Vec<String>,
}

impl Difference {
    /// Between the labels that a pod carries, of which only those count that are netintent's, and the keys that it has a
    /// right to.
    pub fn new<'l>(carried: impl Iterator<Item = (&'l str, &'l str)>, keys: &[String]) -> Self {
        let carried: Vec<(&str, &str)> = carried.filter(|(key, _)| names::is_reserved(key)).collect();
        let has = |key: &String| carried.iter().any(|(k, value)| k == key && *value == names::ALLOWED);
        let removes = carried.iter().filter(|(key, _)| !keys.iter().any(|k| k == key));
        Self {
            adds: keys.iter().filter(|key| !has(key)).cloned().collect(),
            removes: removes.map(|(key, _)| (*key).to_owned()).collect(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.adds.is_empty() && self.removes.is_empty()
    }

    /// The merge patch of `pods/status` that makes up for it, for the pod of this uid and resourceVersion and for no other.
    pub fn patch(&self, uid: &str, version: &str) -> Value {
        let added = self.adds.iter().map(|key| (key.clone(), names::ALLOWED.into()));
        let removed = self.removes.iter().map(|key| (key.clone(), Value::Null));
        let labels: Map<String, Value> = added.chain(removed).collect();
        json!({"metadata": {"uid": uid, "resourceVersion": version, "labels": labels}})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ledger.bank.to.netintent.dev/rpc";

    #[test]
    fn only_labels_of_ours_count_and_only_their_right_value() {
        for (carried, keys, adds, removes) in [
            (vec![("app", "x")], vec![KEY], 1, 0),
            (vec![("app", "x"), (KEY, "allowed")], vec![KEY], 0, 0),
            (vec![(KEY, "other")], vec![KEY], 1, 0),
            (vec![(KEY, "allowed")], vec![], 0, 1),
            (vec![(KEY, "other"), ("app", "x")], vec![], 0, 1),
        ] {
            let keys: Vec<String> = keys.into_iter().map(str::to_owned).collect();
            let found = Difference::new(carried.iter().copied(), &keys);
            assert_eq!((found.adds.len(), found.removes.len()), (adds, removes), "{carried:?} {keys:?}");
        }
    }

    #[test]
    fn the_patch_is_the_difference_and_for_one_version() {
        let difference = Difference { adds: vec!["a".to_owned()], removes: vec!["b".to_owned()] };
        let labels = json!({"a": "allowed", "b": null});
        let expected = json!({"metadata": {"uid": "u", "resourceVersion": "7", "labels": labels}});
        assert_eq!(difference.patch("u", "7"), expected);
        assert!(!difference.is_empty() && Difference::default().is_empty());
    }
}
