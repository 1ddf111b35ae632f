//! Sets of ports by number, so that rows are small and their algebra is done once.

use rustc_hash::FxHashMap;

use crate::number::number;
use crate::port::PortSet;

/// A set of ports in [`PortSets`]. Equal ids mean equal sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortSetId(u32);

impl PortSetId {
    /// The empty set.
    pub const NONE: Self = Self(0);
    /// Every port of every protocol.
    pub const ALL: Self = Self(1);
}

/// Distinct sets of ports.
#[derive(Debug)]
pub struct PortSets {
    sets: Vec<PortSet>,
    ids: FxHashMap<PortSet, PortSetId>,
    unions: FxHashMap<(PortSetId, PortSetId), PortSetId>,
    intersections: FxHashMap<(PortSetId, PortSetId), PortSetId>,
}

impl Default for PortSets {
    fn default() -> Self {
        let sets = vec![PortSet::none(), PortSet::all()];
        let ids = [(PortSet::none(), PortSetId::NONE), (PortSet::all(), PortSetId::ALL)].into_iter().collect();
        Self { sets, ids, unions: FxHashMap::default(), intersections: FxHashMap::default() }
    }
}

impl PortSets {
    /// The number of a set.
    pub fn intern(&mut self, set: &PortSet) -> PortSetId {
        if let Some(id) = self.ids.get(set) {
            return *id;
        }
        let id = PortSetId(number(self.sets.len()));
        self.sets.push(set.clone());
        self.ids.insert(set.clone(), id);
        id
    }

    /// The set of a number.
    pub fn get(&self, id: PortSetId) -> &PortSet {
        &self.sets[id.0 as usize]
    }

    /// The ports in either.
    pub fn union(&mut self, a: PortSetId, b: PortSetId) -> PortSetId {
        if a == b || b == PortSetId::NONE || a == PortSetId::ALL {
            return a;
        }
        if a == PortSetId::NONE || b == PortSetId::ALL {
            return b;
        }
        let key = (a.min(b), a.max(b));
        if let Some(id) = self.unions.get(&key) {
            return *id;
        }
        let mut sum = self.get(a).clone();
        sum.union_with(self.get(b));
        let id = self.intern(&sum);
        self.unions.insert(key, id);
        id
    }

    /// The ports in both.
    pub fn intersection(&mut self, a: PortSetId, b: PortSetId) -> PortSetId {
        if a == b || a == PortSetId::NONE || b == PortSetId::ALL {
            return a;
        }
        if b == PortSetId::NONE || a == PortSetId::ALL {
            return b;
        }
        let key = (a.min(b), a.max(b));
        if let Some(id) = self.intersections.get(&key) {
            return *id;
        }
        let both = self.get(a).intersection(self.get(b));
        let id = self.intern(&both);
        self.intersections.insert(key, id);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Protocol::Tcp;

    #[test]
    fn ids_are_the_sets() {
        let mut sets = PortSets::default();
        let (low, high) = (sets.intern(&PortSet::range(Tcp, 1, 10)), sets.intern(&PortSet::range(Tcp, 5, 20)));
        let both = sets.intersection(low, high);
        assert_eq!(sets.get(both), &PortSet::range(Tcp, 5, 10));
        assert_eq!(sets.intersection(high, low), both);
        let union = sets.union(high, low);
        assert_eq!(sets.get(union), &PortSet::range(Tcp, 1, 20));
        assert_eq!(sets.intern(&PortSet::range(Tcp, 1, 20)), union);
        for id in [low, PortSetId::NONE, PortSetId::ALL] {
            assert_eq!((sets.union(id, PortSetId::NONE), sets.intersection(id, PortSetId::ALL)), (id, id));
            assert_eq!(sets.union(id, PortSetId::ALL), PortSetId::ALL);
            assert_eq!(sets.intersection(PortSetId::NONE, id), PortSetId::NONE);
        }
    }
}
