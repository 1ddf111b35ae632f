//! CIDRs, and the algebra of sets of addresses, against a model that looks at one address at a time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use netintent::cidr::{AddressSet, is_canonical, parse};

/// A set, and for each sampled address whether it should be in it.
type Modelled = (AddressSet, Vec<bool>);

/// Words are CIDRs, which go on a stack, and `|`, `&`, `-`, `^` (of an `ipBlock` with `except`), which take two from it.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let words: Vec<&str> = text.split_whitespace().take(64).collect();
    let nets: Vec<IpNet> = words.iter().filter_map(|word| read(word)).collect();
    let samples = samples(&nets);
    let mut stack: Vec<Modelled> = Vec::new();
    for word in words {
        let next = match (word, stack.len()) {
            ("*", _) => (AddressSet::all(), vec![true; samples.len()]),
            ("0", _) => (AddressSet::none(), vec![false; samples.len()]),
            ("|" | "&" | "-", 2..) => {
                let (Some(b), Some(a)) = (stack.pop(), stack.pop()) else { return };
                operation(word, &a, &b)
            }
            ("^", _) => except(&nets, &samples),
            _ => {
                let Ok(net) = parse(word) else { continue };
                (AddressSet::of(net), samples.iter().map(|address| begins(net, *address)).collect())
            }
        };
        holds(&next, &samples);
        stack.push(next);
    }
    stack.truncate(6);
    partition(&stack, &samples);
}

/// A CIDR that is read prints as what is read again; one that everybody takes is read.
fn read(word: &str) -> Option<IpNet> {
    let plain = word.split_once('/').and_then(|(address, length)| {
        let (address, bits): (IpAddr, u8) = (address.parse().ok()?, length.parse().ok()?);
        let mapped = matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
        let known = length == bits.to_string() && !mapped;
        known.then(|| IpNet::new(address, bits).ok()).flatten()
    });
    let net = parse(word);
    if let Some(plain) = plain {
        assert_eq!(net, Ok(plain));
    }
    let net = net.ok()?;
    assert_eq!(parse(&net.to_string()), Ok(net), "{word}");
    let block = net.trunc();
    assert!(is_canonical(block, &block.to_string()), "{block}");
    assert_eq!(AddressSet::of(net), AddressSet::of(block), "host bits mean something in {word}");
    Some(net)
}

/// The addresses at the edges of each net, just outside of them, and at the ends of both families.
fn samples(nets: &[IpNet]) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = vec![
        Ipv4Addr::UNSPECIFIED.into(),
        Ipv4Addr::BROADCAST.into(),
        Ipv6Addr::UNSPECIFIED.into(),
        Ipv6Addr::from_bits(u128::MAX).into(),
    ];
    for net in nets.iter().take(24) {
        found.push(net.addr());
        match (net.network(), net.broadcast()) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                let (first, last) = (first.to_bits(), last.to_bits());
                let edges = [first, last, first.wrapping_sub(1), last.wrapping_add(1), first / 2 + last / 2];
                found.extend(edges.map(|bits| IpAddr::from(Ipv4Addr::from_bits(bits))));
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                let (first, last) = (first.to_bits(), last.to_bits());
                let edges = [first, last, first.wrapping_sub(1), last.wrapping_add(1), first / 2 + last / 2];
                found.extend(edges.map(|bits| IpAddr::from(Ipv6Addr::from_bits(bits))));
            }
            _ => unreachable!("a net is of one family"),
        }
    }
    found
}

/// Whether an address begins with the bits of a net, one bit after the other.
fn begins(net: IpNet, address: IpAddr) -> bool {
    let length = usize::from(net.prefix_len());
    match (net.addr(), address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => bits(&a.octets()).take(length).eq(bits(&b.octets()).take(length)),
        (IpAddr::V6(a), IpAddr::V6(b)) => bits(&a.octets()).take(length).eq(bits(&b.octets()).take(length)),
        _ => false,
    }
}

fn bits(octets: &[u8]) -> impl Iterator<Item = bool> {
    octets.iter().flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1 == 1))
}

fn operation(word: &str, a: &Modelled, b: &Modelled) -> Modelled {
    let both = |rule: fn(bool, bool) -> bool| a.1.iter().zip(&b.1).map(|(a, b)| rule(*a, *b)).collect();
    match word {
        "|" => (a.0.union(&b.0), both(|a, b| a || b)),
        "&" => (a.0.intersection(&b.0), both(|a, b| a && b)),
        _ => (a.0.difference(&b.0), both(|a, b| a && !b)),
    }
}

/// The first net without the others.
fn except(nets: &[IpNet], samples: &[IpAddr]) -> Modelled {
    let Some((cidr, except)) = nets.split_first() else { return (AddressSet::none(), vec![false; samples.len()]) };
    let inside = |address: &IpAddr| begins(*cidr, *address) && !except.iter().any(|net| begins(*net, *address));
    (AddressSet::block(*cidr, except), samples.iter().map(inside).collect())
}

fn holds((set, expected): &Modelled, samples: &[IpAddr]) {
    for (address, expected) in samples.iter().zip(expected) {
        assert_eq!(set.contains(*address), *expected, "{address} in {set:?}");
    }
    let cidrs = set.cidrs();
    assert_eq!(cidrs.is_empty(), set.is_empty(), "{set:?}");
    assert_eq!(&AddressSet::union_of(cidrs.iter().map(|net| AddressSet::of(*net))), set);
    for (before, after) in cidrs.iter().zip(cidrs.iter().skip(1)) {
        assert!(before.broadcast() < after.network(), "{before} is not before {after}");
    }
    let rest = AddressSet::all().difference(set);
    assert!(rest.union(set).is_all() && rest.intersection(set).is_empty(), "{set:?}");
    assert_eq!(rest.is_empty(), set.is_all(), "{set:?}");
}

/// Every address is in one part, whose holders are the sets that it is in.
fn partition(sets: &[Modelled], samples: &[IpAddr]) {
    let parts = AddressSet::partition(&sets.iter().map(|(set, _)| set).collect::<Vec<_>>());
    assert!(AddressSet::union_of(parts.iter().map(|(part, _)| part.clone())).is_all());
    for (at, address) in samples.iter().enumerate() {
        let expected: Vec<usize> = (0..sets.len()).filter(|set| sets[*set].1[at]).collect();
        let found: Vec<&Vec<usize>> = parts.iter().filter(|(p, _)| p.contains(*address)).map(|(_, h)| h).collect();
        assert_eq!(found, [&expected], "{address}");
    }
}
