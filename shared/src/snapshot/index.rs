//! The way from a label to the pods that carry it.

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};

use super::Pod;

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

    pub(super) fn with(&self, key: &str, value: &str) -> &[u32] {
        self.0.get(&Self::hash(key, value)).map_or(&[], Vec::as_slice)
    }

    fn hash(key: &str, value: &str) -> u64 {
        let mut hasher = FxHasher::default();
        (key, value).hash(&mut hasher);
        hasher.finish()
    }
}
