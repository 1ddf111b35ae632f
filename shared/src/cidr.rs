//! Sets of IP addresses, exactly: sorted ranges of IPv4 and of IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv4Subnets, Ipv6Net, Ipv6Subnets};

/// The first and last address of a range, as numbers.
type Range = (u128, u128);

/// A set of addresses. Ranges are sorted, disjoint and not adjacent, so that equal sets are equal values.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressSet {
    v4: Vec<Range>,
    v6: Vec<Range>,
}

const MAX: [u128; 2] = [u32::MAX as u128, u128::MAX];

impl AddressSet {
    /// No address.
    pub fn none() -> Self {
        Self::default()
    }

    /// Every IPv4 and every IPv6 address.
    pub fn all() -> Self {
        Self { v4: vec![(0, MAX[0])], v6: vec![(0, MAX[1])] }
    }

    /// The addresses of one CIDR.
    pub fn of(net: IpNet) -> Self {
        match net {
            IpNet::V4(net) => Self { v4: vec![(v4(net.network()), v4(net.broadcast()))], v6: vec![] },
            IpNet::V6(net) => Self { v4: vec![], v6: vec![(v6(net.network()), v6(net.broadcast()))] },
        }
    }

    /// What a NetworkPolicy's `ipBlock` means: the addresses of `cidr` that are in none of `except`.
    pub fn block(cidr: IpNet, except: &[IpNet]) -> Self {
        Self::of(cidr).difference(&Self::union_of(except.iter().map(|net| Self::of(*net))))
    }

    /// Whether there is no address in the set.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Whether every address is in the set.
    pub fn is_all(&self) -> bool {
        *self == Self::all()
    }

    /// Whether the address is in the set.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (list, number) = match address {
            IpAddr::V4(a) => (&self.v4, v4(a)),
            IpAddr::V6(a) => (&self.v6, v6(a)),
        };
        list.iter().any(|(from, to)| *from <= number && number <= *to)
    }

    /// The addresses in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { v4: merged(&self.v4, &other.v4), v6: merged(&self.v6, &other.v6) }
    }

    /// The addresses in any of the sets, put in order once.
    pub fn union_of(sets: impl IntoIterator<Item = Self>) -> Self {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for set in sets {
            first.extend(set.v4);
            second.extend(set.v6);
        }
        Self { v4: merged(&first, &[]), v6: merged(&second, &[]) }
    }

    /// The addresses in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.difference(&Self::all().difference(other))
    }

    /// The addresses of `self` that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self { v4: without(&self.v4, &other.v4), v6: without(&self.v6, &other.v6) }
    }

    /// The fewest CIDRs that are the set, IPv4 first, in ascending order.
    pub fn cidrs(&self) -> Vec<IpNet> {
        let v4 = self.v4.iter().flat_map(|(from, to)| Ipv4Subnets::new(to_v4(*from), to_v4(*to), 0)).map(IpNet::V4);
        let v6 = self
            .v6
            .iter()
            .flat_map(|(from, to)| Ipv6Subnets::new(Ipv6Addr::from_bits(*from), Ipv6Addr::from_bits(*to), 0))
            .map(IpNet::V6);
        v4.chain(v6).collect()
    }

    /// Cuts all addresses into the largest disjoint parts such that each of `sets` holds a part whole or not at all,
    /// and unites parts that are in the same sets. Returns (part, indices of the sets that hold it), the part in no
    /// set included where there is one; ordered by the indices.
    pub fn partition(sets: &[&Self]) -> Vec<(Self, Vec<usize>)> {
        let mut parts = std::collections::BTreeMap::<Vec<usize>, Self>::new();
        for (family, last) in MAX.into_iter().enumerate() {
            let lists: Vec<&[Range]> = sets.iter().map(|s| s.family(family)).collect();
            // A range begins or ends only where some set does.
            let mut starts: Vec<u128> = vec![0];
            for (from, to) in lists.iter().flat_map(|l| l.iter()) {
                starts.push(*from);
                if *to < last {
                    starts.push(to + 1);
                }
            }
            starts.sort_unstable();
            starts.dedup();
            for (index, from) in starts.iter().enumerate() {
                let to = starts.get(index + 1).map_or(last, |next| next - 1);
                let holders: Vec<usize> = (0..sets.len())
                    .filter(|s| {
                        let list = lists[*s];
                        let at = list.partition_point(|r| r.1 < *from);
                        list.get(at).is_some_and(|r| r.0 <= *from)
                    })
                    .collect();
                let part = parts.entry(holders).or_default().family_mut(family);
                match part.last_mut() {
                    Some(last) if last.1 + 1 == *from => last.1 = to,
                    _ => part.push((*from, to)),
                }
            }
        }
        parts.into_iter().map(|(holders, part)| (part, holders)).collect()
    }

    fn family(&self, index: usize) -> &[Range] {
        if index == 0 { &self.v4 } else { &self.v6 }
    }

    fn family_mut(&mut self, index: usize) -> &mut Vec<Range> {
        if index == 0 { &mut self.v4 } else { &mut self.v6 }
    }
}

fn v4(address: Ipv4Addr) -> u128 {
    u128::from(address.to_bits())
}

fn v6(address: Ipv6Addr) -> u128 {
    address.to_bits()
}

fn to_v4(number: u128) -> Ipv4Addr {
    // INVARIANT: IPv4 ranges are built from IPv4 addresses and cut at most at their neighbours within the family.
    Ipv4Addr::from_bits(u32::try_from(number).unwrap_or(u32::MAX))
}

fn merged(a: &[Range], b: &[Range]) -> Vec<Range> {
    let mut all: Vec<Range> = a.iter().chain(b).copied().collect();
    all.sort_unstable();
    let mut result: Vec<Range> = Vec::with_capacity(all.len());
    for (from, to) in all {
        match result.last_mut() {
            Some(last) if last.1 == u128::MAX || from <= last.1 + 1 => last.1 = last.1.max(to),
            _ => result.push((from, to)),
        }
    }
    result
}

fn without(a: &[Range], b: &[Range]) -> Vec<Range> {
    let mut result = Vec::new();
    for (from, to) in a {
        let mut next = Some(*from);
        for (cut_from, cut_to) in b.iter().filter(|(f, t)| t >= from && f <= to) {
            if let Some(start) = next.filter(|start| start < cut_from) {
                result.push((start, cut_from - 1));
            }
            next = cut_to.checked_add(1).filter(|n| n <= to);
        }
        if let Some(start) = next {
            result.push((start, *to));
        }
    }
    result
}

/// Whether API servers of every version take the text of a CIDR: from 1.36 on they refuse host bits that are set and
/// leading zeros (feature gate `StrictIPCIDRValidation`).
pub fn is_canonical(net: IpNet, text: &str) -> bool {
    let zeros = |part: &str| part.len() > 1 && part.starts_with('0');
    let (address, length) = text.split_once('/').unwrap_or((text, ""));
    net == net.trunc() && !zeros(length) && (address.contains(':') || !address.split('.').any(zeros))
}

/// Reads a CIDR as the API server does. Host bits that are set and leading zeros mean nothing; IPv4-mapped IPv6 addresses
/// are refused, since servers differ in what they take them for.
///
/// # Errors
/// What is wrong with the text.
pub fn parse(text: &str) -> Result<IpNet, String> {
    let net = |text: &str| text.parse::<Ipv4Net>().map(IpNet::V4).or_else(|_| text.parse::<Ipv6Net>().map(IpNet::V6));
    let Some((address, length)) = text.split_once('/') else {
        return Err(match text.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => format!("`{text}` has no prefix length: for this one address write `{text}/32`"),
            Ok(IpAddr::V6(_)) => format!("`{text}` has no prefix length: for this one address write `{text}/128`"),
            Err(_) => format!("`{text}` is no CIDR, like `10.0.0.0/8` or `2001:db8::/32`"),
        });
    };
    match net(text) {
        Ok(IpNet::V6(net)) if net.addr().to_ipv4_mapped().is_some() => {
            Err(format!("`{text}` is an IPv4-mapped IPv6 address: write it as IPv4"))
        }
        Ok(net) => Ok(net),
        Err(_) if address.parse::<IpAddr>().is_err() => Err(format!("`{address}` is no IP address")),
        Err(_) => Err(format!("`{length}` is no prefix length for `{address}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(cidr: &str, except: &[&str]) -> AddressSet {
        AddressSet::block(parse(cidr).unwrap(), &except.iter().map(|e| parse(e).unwrap()).collect::<Vec<_>>())
    }

    fn text(set: &AddressSet) -> String {
        set.cidrs().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn blocks_with_exceptions() {
        assert_eq!(text(&block("10.0.0.0/8", &["10.128.0.0/9"])), "10.0.0.0/9");
        assert_eq!(text(&block("10.0.0.5/8", &[])), "10.0.0.0/8", "host bits mean nothing");
        assert!(block("10.0.0.0/8", &["10.0.0.0/9", "10.128.0.0/9"]).is_empty());
        assert_eq!(text(&block("::/0", &["8000::/1"])), "::/1");
        assert_eq!(text(&block("255.255.255.254/31", &["255.255.255.255/32"])), "255.255.255.254/32");
    }

    #[test]
    fn algebra_at_the_edges() {
        let (all, none) = (AddressSet::all(), AddressSet::none());
        assert!(all.difference(&all).is_empty() && all.union(&none).is_all() && all.intersection(&all).is_all());
        let ten = block("10.0.0.0/8", &[]);
        assert_eq!(all.difference(&ten).union(&ten), all);
        assert!(ten.contains("10.1.2.3".parse().unwrap()) && !ten.contains("::1".parse().unwrap()));
        assert_eq!(text(&all), "0.0.0.0/0 ::/0");
    }

    #[test]
    fn partition_covers_everything_once() {
        let (a, b) = (block("10.0.0.0/8", &[]), block("10.1.0.0/16", &[]));
        let parts = AddressSet::partition(&[&a, &b]);
        let indices: Vec<&[usize]> = parts.iter().map(|(_, i)| i.as_slice()).collect();
        assert_eq!(indices, [&[][..], &[0], &[0, 1]]);
        let whole = parts.iter().fold(AddressSet::none(), |sum, (part, _)| sum.union(part));
        assert!(whole.is_all());
        assert_eq!(text(&parts[2].0), "10.1.0.0/16");
    }

    #[test]
    fn what_only_older_servers_take() {
        for (text, canonical) in [
            ("10.0.0.0/8", true),
            ("10.0.0.5/8", false),
            ("010.0.0.0/8", false),
            ("10.0.0.0/08", false),
            ("2001:DB8::/32", true),
            ("2001:db8::1/32", false),
        ] {
            assert_eq!(is_canonical(parse(text).unwrap(), text), canonical, "{text}");
        }
    }

    #[test]
    fn what_the_api_server_refuses() {
        assert_eq!(
            parse("10.0.0.1").unwrap_err(),
            "`10.0.0.1` has no prefix length: for this one address write `10.0.0.1/32`"
        );
        assert_eq!(parse("10.0.0/8").unwrap_err(), "`10.0.0` is no IP address");
        assert_eq!(parse("10.0.0.0/33").unwrap_err(), "`33` is no prefix length for `10.0.0.0`");
        for bad in ["10.0.0.0/+8", "::ffff:10.0.0.0/104", "fe80::%eth0/64", "x"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
