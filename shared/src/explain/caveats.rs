//! What a verdict does not cover.

use super::{Pair, unread};
use crate::cidr::AddressSet;
use crate::evaluate::{End, hangs_on_blocks};
use crate::list::{Caveat, own_caveats};
use crate::snapshot::Snapshot;

pub(super) fn of(snapshot: &Snapshot, pairs: &[Pair<'_>]) -> Vec<(Caveat, String)> {
    let mut found: Vec<Caveat> = Vec::new();
    for pair in pairs {
        for end in [pair.source, pair.destination] {
            if let End::Pod(pod) = end {
                found.extend(own_caveats(snapshot, snapshot.workload_of(pod)));
            }
        }
        for (end, called) in [(pair.source, false), (pair.destination, true)] {
            if let End::Addresses(_) = end {
                found.extend(unread::holders(snapshot, called).map(|unread| Caveat::Unread(unread.to_string())));
            }
        }
        if let (End::Pod(from), End::Pod(to)) = (pair.source, pair.destination)
            && hangs_on_blocks(snapshot, from, to, &pair.verdict, &pair.asked)
        {
            found.push(Caveat::IpBlock);
        }
    }
    let addresses = pairs.iter().flat_map(|pair| [pair.source, pair.destination]);
    if addresses
        .filter_map(|end| if let End::Addresses(a) = end { Some(a) } else { None })
        .any(|a| are_pods(snapshot, a))
    {
        found.push(Caveat::IpBlock);
    }
    found.sort();
    found.dedup();
    found.into_iter().map(|caveat| (caveat.clone(), sentence(&caveat))).collect()
}

/// Whether addresses that are asked about as outside are, or may be, those of pods.
fn are_pods(snapshot: &Snapshot, addresses: &AddressSet) -> bool {
    let known =
        (0..).zip(&snapshot.pods).any(|(pod, _)| snapshot.spec(pod).addresses.iter().any(|a| addresses.contains(*a)));
    known || snapshot.options.pod_cidrs.iter().any(|net| !addresses.intersection(&AddressSet::of(*net)).is_empty())
}

fn sentence(caveat: &Caveat) -> String {
    match caveat {
        Caveat::HostNetwork => "a pod here uses hostNetwork: most CNIs do not enforce NetworkPolicy on it".to_owned(),
        Caveat::OtherApi(policy) => {
            format!("{policy} may allow or deny more: it is of another API, which is not evaluated")
        }
        Caveat::Unread(what) => format!("{what} could not be read: they may allow or deny this"),
        Caveat::IpBlock => {
            "this hangs on the address of a pod: to Kubernetes an ipBlock means addresses outside, and some CNIs match pods too".to_owned()
        }
    }
}
