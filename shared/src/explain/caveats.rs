//! What a verdict does not cover.

use super::Pair;
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
        if let (End::Pod(from), End::Pod(to)) = (pair.source, pair.destination)
            && hangs_on_blocks(snapshot, from, to, &pair.verdict, &pair.asked)
        {
            found.push(Caveat::IpBlock);
        }
    }
    found.sort();
    found.dedup();
    found.into_iter().map(|caveat| (caveat.clone(), sentence(&caveat))).collect()
}

fn sentence(caveat: &Caveat) -> String {
    match caveat {
        Caveat::HostNetwork => "a pod here uses hostNetwork: most CNIs do not enforce NetworkPolicy on it".to_owned(),
        Caveat::OtherApi(policy) => {
            format!("{policy} may allow or deny more: it is of another API, which is not evaluated")
        }
        Caveat::IpBlock => {
            "an ipBlock holds a pod's address: Kubernetes means addresses outside, some CNIs match pods too".to_owned()
        }
    }
}
