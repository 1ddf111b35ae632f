//! `evaluate` and the reference agree on every pair of pods and on every address outside.

use std::collections::BTreeSet;

use netintent::cidr::AddressSet;
use netintent::evaluate::{self, evaluate};
use netintent::policy::Direction;
use netintent::port::Protocol;
use netintent::snapshot::Snapshot;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::generate::{objects, policies, pools, snapshot};
use crate::reference::{End, World};
use crate::samples::{self, Sample};
use crate::statistics::{EXPECTED, Statistics};

/// The ports that the reference allows from one end to another.
pub(crate) fn expected(world: &World, source: End, destination: End, ports: &[Sample]) -> BTreeSet<Sample> {
    let egress = world.matched(Direction::Egress, source, destination);
    let ingress = world.matched(Direction::Ingress, destination, source);
    let allowed = |(protocol, port): &&(Protocol, u16)| {
        world.allows(&egress, destination, *protocol, *port) && world.allows(&ingress, destination, *protocol, *port)
    };
    ports.iter().filter(allowed).copied().collect()
}

/// A pod of the snapshot as both sides name it.
pub(crate) fn pod(at: usize) -> (evaluate::End<'static>, End) {
    (evaluate::End::Pod(u32::try_from(at).unwrap()), End::Pod(at))
}

fn agrees(snapshot: &Snapshot, statistics: &mut Statistics) {
    let (world, ports) = (World::of(snapshot), samples::ports(&snapshot.objects));
    for (from, to) in (0..world.pods.len()).flat_map(|from| (0..world.pods.len()).map(move |to| (from, to))) {
        let (source, destination) = (pod(from), pod(to));
        let verdict = evaluate(snapshot, source.0, destination.0);
        let allowed = samples::within(&verdict.ports, &ports);
        assert_eq!(allowed, expected(&world, source.1, destination.1, &ports), "from pod {from} to pod {to}");
        let what = match allowed.len() {
            0 => "denied",
            n if n == ports.len() => "allowed",
            _ => "partly allowed ports",
        };
        statistics.count(what, 1);
    }
    for address in samples::addresses(&snapshot.objects) {
        let set = AddressSet::of(address.into());
        let outside = (evaluate::End::Addresses(&set), End::Address(address));
        for inside in (0..world.pods.len()).map(pod) {
            for (source, destination) in [(outside, inside), (inside, outside)] {
                let verdict = evaluate(snapshot, source.0, destination.0);
                let allowed = samples::within(&verdict.ports, &ports);
                assert_eq!(
                    allowed,
                    expected(&world, source.1, destination.1, &ports),
                    "{:?} {:?}",
                    source.1,
                    destination.1
                );
                statistics.count(if allowed.is_empty() { "denied outside" } else { "allowed outside" }, 1);
            }
        }
    }
}

#[test]
fn evaluate_agrees_with_the_reference_and_the_generator_meets_everything() {
    let statistics = crate::counted(&objects(), |objects, statistics| {
        let snapshot = snapshot(objects);
        statistics.of_cluster(&snapshot);
        crate::listing::count(&snapshot, statistics);
        agrees(&snapshot, statistics);
    });
    statistics.assert_met(&EXPECTED);
}

proptest! {
    #![proptest_config(crate::config())]

    /// A set of addresses is allowed what each of its addresses is.
    #[test]
    fn a_verdict_on_addresses_holds_for_all_of_them_together(
        mut objects in objects(),
        of_blocks in vec(policies::policy_of_blocks(), 0..3),
        blocks in vec(select(&pools::BLOCKS[..]), 1..3),
    ) {
        objects.policies.extend(of_blocks);
        let snapshot = snapshot(&objects);
        let set = blocks.iter().fold(AddressSet::none(), |set, text| set.union(&AddressSet::of(text.parse().unwrap())));
        let (world, ports) = (World::of(&snapshot), samples::ports(&snapshot.objects));
        let mut addresses = samples::addresses(&snapshot.objects);
        addresses.extend(blocks.iter().map(|text| text.parse::<ipnet::IpNet>().unwrap().network()));
        addresses.retain(|address| samples::holds(&set, *address));
        let outside = evaluate::End::Addresses(&set);
        for at in 0..world.pods.len() {
            let inside = pod(at);
            for ingress in [true, false] {
                let ends = |address: End| if ingress { (address, inside.1) } else { (inside.1, address) };
                let verdict = if ingress { evaluate(&snapshot, outside, inside.0) } else { evaluate(&snapshot, inside.0, outside) };
                let mut every: BTreeSet<Sample> = ports.iter().copied().collect();
                for address in &addresses {
                    let (source, destination) = ends(End::Address(*address));
                    let allowed = expected(&world, source, destination, &ports);
                    every.retain(|sample| allowed.contains(sample));
                }
                prop_assert_eq!(samples::within(&verdict.ports, &ports), every, "pod {}, ingress {}", at, ingress);
            }
        }
    }
}
