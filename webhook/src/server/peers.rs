//! How many connections each address has: nobody takes those of all.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;

/// How many connections one address may have. An API server needs a few.
const OF_ONE: usize = 128;

/// Who is connected.
#[derive(Clone, Debug, Default)]
pub(super) struct Peers(Arc<Mutex<FxHashMap<IpAddr, usize>>>);

/// A connection that counts as long as it is kept.
#[derive(Debug)]
pub(super) struct Counted {
    peers: Peers,
    address: IpAddr,
}

impl Peers {
    /// Counts a connection; `None` where the address has as many as it may have.
    pub(super) fn count(&self, address: IpAddr) -> Option<Counted> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(address).or_default();
        if *count >= OF_ONE {
            return None;
        }
        *count += 1;
        Some(Counted { peers: self.clone(), address })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut all = self.peers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_and_others_have_theirs() {
        let peers = Peers::default();
        let (one, other): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let mut kept: Vec<Counted> = (0..OF_ONE).filter_map(|_| peers.count(one)).collect();
        assert!(kept.len() == OF_ONE && peers.count(one).is_none() && peers.count(other).is_some());
        kept.pop();
        assert!(peers.count(one).is_some());
        kept.clear();
        assert!(peers.0.lock().unwrap().is_empty());
    }
}
