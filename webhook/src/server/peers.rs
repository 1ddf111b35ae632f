//! How many connections and questions each address has: nobody takes those of all.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;
use tokio::sync::Semaphore;

/// How many connections one address may have. An API server needs a few.
const OF_ONE: usize = 64;
/// How many questions it may have under way.
const QUESTIONS: usize = 1024;

/// Who is connected.
#[derive(Clone, Debug, Default)]
pub(super) struct Peers(Arc<Mutex<FxHashMap<IpAddr, Peer>>>);

#[derive(Debug)]
struct Peer {
    connections: usize,
    questions: Arc<Semaphore>,
}

/// A connection that counts as long as it is kept.
#[derive(Debug)]
pub(super) struct Counted {
    peers: Peers,
    address: IpAddr,
    /// For questions of its address.
    pub(super) questions: Arc<Semaphore>,
}

impl Peers {
    /// Counts a connection; `None` where the address has as many as it may have.
    pub(super) fn count(&self, address: IpAddr) -> Option<Counted> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Peer { connections: 0, questions: Arc::new(Semaphore::new(QUESTIONS)) };
        let peer = all.entry(address).or_insert_with(new);
        if peer.connections >= OF_ONE {
            return None;
        }
        peer.connections += 1;
        Some(Counted { peers: self.clone(), address, questions: Arc::clone(&peer.questions) })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut all = self.peers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(peer) = all.get_mut(&self.address) {
            peer.connections -= 1;
            if peer.connections == 0 {
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
