//! The way from a label to the pods that carry it.

use std::hash::{Hash, Hasher};
use std::ops::Range;

use rustc_hash::{FxHashMap, FxHasher};

use super::Pod;
use crate::selector::Selector;

/// Which pods carry a label. Keyed by hash: whoever asks checks the labels of what is found.
#[derive(Debug, Default)]
pub(super) struct LabelIndex(FxHashMap<u64, Vec<u32>>);

impl LabelIndex {
    pub(super) fn new(pods: &[Pod]) -> Self {
        let mut index: FxHashMap<u64, Vec<u32>> = FxHashMap::default();
        for (at, pod) in (0..).zip(pods) {
            for (key, value) in pod.labels.iter() {
                index.entry(Self::hash(key, value)).or_default().push(at);
            }
        }
        Self(index)
    }

    /// The pods of a range among which are all that a selector selects, as one list for each value of a label: of those
    /// that it requires, the label that the fewest carry. `None`: it requires no label to have a value.
    pub(super) fn candidates(&self, selector: &Selector, range: &Range<u32>) -> Option<Vec<&[u32]>> {
        let lists = |(key, values): (&str, &[String])| -> Vec<&[u32]> {
            values.iter().map(|value| self.with(key, value, range)).filter(|list| !list.is_empty()).collect()
        };
        selector.required_values().map(lists).min_by_key(|lists| lists.iter().map(|list| list.len()).sum::<usize>())
    }

    fn with(&self, key: &str, value: &str, range: &Range<u32>) -> &[u32] {
        let all = self.0.get(&Self::hash(key, value)).map_or(&[][..], Vec::as_slice);
        let start = all.partition_point(|pod| *pod < range.start);
        let end = all.partition_point(|pod| *pod < range.end);
        &all[start..end]
    }

    fn hash(key: &str, value: &str) -> u64 {
        let mut hasher = FxHasher::default();
        (key, value).hash(&mut hasher);
        hasher.finish()
    }
}
