//! Protocols and sets of ports, as intervals.

use std::fmt;

/// The protocols that NetworkPolicy knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// The default where none is given.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// Every protocol, in the order of output.
    pub const ALL: [Self; 3] = [Self::Tcp, Self::Udp, Self::Sctp];

    /// As manifests write it: `TCP`, `UDP`, `SCTP`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.as_str() == text)
    }

    /// As manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An inclusive interval of port numbers, within 1 to 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    /// The first port.
    pub from: u16,
    /// The last port.
    pub to: u16,
}

/// A set of (protocol, port): for each protocol, intervals that are sorted, disjoint and not adjacent.
///
/// Two sets are equal as values if and only if they are equal as sets.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortSet {
    by_protocol: [Vec<Interval>; 3],
}

impl PortSet {
    /// The empty set.
    pub fn none() -> Self {
        Self::default()
    }

    /// Every port of every protocol: what NetworkPolicy means by a rule without ports.
    pub fn all() -> Self {
        Self { by_protocol: std::array::from_fn(|_| vec![Interval { from: 1, to: u16::MAX }]) }
    }

    /// The ports `from` to `to` of one protocol; empty where `from` is above `to`. Port 0 is not in any set.
    pub fn range(protocol: Protocol, from: u16, to: u16) -> Self {
        let mut set = Self::default();
        set.insert(protocol, from, to);
        set
    }

    /// Adds the ports `from` to `to`.
    pub fn insert(&mut self, protocol: Protocol, from: u16, to: u16) {
        let from = from.max(1);
        if from > to {
            return;
        }
        let list = &mut self.by_protocol[protocol as usize];
        // What ends before from - 1 stays in front; what begins after to + 1 stays behind; the rest merges.
        let start = list.partition_point(|i| u32::from(i.to) + 1 < u32::from(from));
        let end = start + list[start..].partition_point(|i| u32::from(i.from) <= u32::from(to) + 1);
        let mut merged = Interval { from, to };
        if let (Some(first), Some(last)) = (list[start..end].first(), list[start..end].last()) {
            merged = Interval { from: from.min(first.from), to: to.max(last.to) };
        }
        list.splice(start..end, [merged]);
    }

    /// Adds every port of `other`.
    pub fn union_with(&mut self, other: &Self) {
        for (protocol, interval) in other.iter() {
            self.insert(protocol, interval.from, interval.to);
        }
    }

    /// The ports that are in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut result = Self::default();
        for protocol in Protocol::ALL {
            let (mut a, mut b) = (self.of(protocol).iter().peekable(), other.of(protocol).iter().peekable());
            while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
                let (from, to) = (x.from.max(y.from), x.to.min(y.to));
                if from <= to {
                    result.by_protocol[protocol as usize].push(Interval { from, to });
                }
                if x.to < y.to {
                    a.next();
                } else {
                    b.next();
                }
            }
        }
        result
    }

    /// The ports of `self` that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut result = Self::default();
        for protocol in Protocol::ALL {
            for interval in self.of(protocol) {
                let mut from = u32::from(interval.from);
                for cut in other.of(protocol).iter().filter(|c| c.to >= interval.from && c.from <= interval.to) {
                    if u32::from(cut.from) > from {
                        result.push(protocol, from, u32::from(cut.from) - 1);
                    }
                    from = from.max(u32::from(cut.to) + 1);
                }
                result.push(protocol, from, u32::from(interval.to));
            }
        }
        result
    }

    fn push(&mut self, protocol: Protocol, from: u32, to: u32) {
        if let (Ok(from), Ok(to), true) = (u16::try_from(from), u16::try_from(to), from <= to) {
            self.by_protocol[protocol as usize].push(Interval { from, to });
        }
    }

    /// The intervals of one protocol.
    pub fn of(&self, protocol: Protocol) -> &[Interval] {
        &self.by_protocol[protocol as usize]
    }

    /// Every interval, TCP first, then UDP, then SCTP, each in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (Protocol, Interval)> + '_ {
        Protocol::ALL.into_iter().flat_map(|p| self.of(p).iter().map(move |i| (p, *i)))
    }

    /// Whether the set has no port.
    pub fn is_empty(&self) -> bool {
        self.by_protocol.iter().all(Vec::is_empty)
    }

    /// Whether the set has every port of every protocol.
    pub fn is_all(&self) -> bool {
        self.by_protocol.iter().all(|list| matches!(list[..], [Interval { from: 1, to: u16::MAX }]))
    }

    /// Whether every port of `other` is in the set.
    pub fn is_superset(&self, other: &Self) -> bool {
        other.difference(self).is_empty()
    }

    /// Whether the port is in the set.
    pub fn contains(&self, protocol: Protocol, port: u16) -> bool {
        self.of(protocol).iter().any(|i| i.from <= port && port <= i.to)
    }
}

impl fmt::Display for PortSet {
    /// `all ports`, `no port`, or `TCP 80,8000-8080 · UDP 53`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str("all ports");
        }
        if self.is_empty() {
            return f.write_str("no port");
        }
        let mut first = true;
        for protocol in Protocol::ALL.into_iter().filter(|p| !self.of(*p).is_empty()) {
            write!(f, "{}{protocol} ", if first { "" } else { " · " })?;
            first = false;
            for (index, interval) in self.of(protocol).iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                match (interval.from, interval.to) {
                    (1, u16::MAX) => write!(f, "{comma}all")?,
                    (from, to) if from == to => write!(f, "{comma}{from}")?,
                    (from, to) => write!(f, "{comma}{from}-{to}")?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ranges: &[(Protocol, u16, u16)]) -> PortSet {
        let mut result = PortSet::none();
        for (protocol, from, to) in ranges {
            result.insert(*protocol, *from, *to);
        }
        result
    }

    #[test]
    fn insertion_merges_what_touches() {
        use Protocol::Tcp;
        let mut ports = set(&[(Tcp, 10, 20), (Tcp, 30, 40), (Tcp, 21, 25)]);
        assert_eq!(ports.to_string(), "TCP 10-25,30-40");
        ports.insert(Tcp, 26, 29);
        assert_eq!(ports, set(&[(Tcp, 10, 40)]));
        ports.insert(Tcp, 1, u16::MAX);
        assert_eq!(ports.to_string(), "TCP all");
        ports.insert(Tcp, 5, 4);
        ports.insert(Tcp, 0, 0);
        assert_eq!(ports.to_string(), "TCP all", "an empty interval and port 0 add nothing");
    }

    #[test]
    fn set_algebra() {
        use Protocol::{Sctp, Tcp, Udp};
        let a = set(&[(Tcp, 1, 100), (Udp, 53, 53)]);
        let b = set(&[(Tcp, 50, 60), (Tcp, 90, 200), (Sctp, 7, 7)]);
        assert_eq!(a.intersection(&b), set(&[(Tcp, 50, 60), (Tcp, 90, 100)]));
        assert_eq!(a.difference(&b), set(&[(Tcp, 1, 49), (Tcp, 61, 89), (Udp, 53, 53)]));
        assert!(PortSet::all().is_superset(&a) && !a.is_superset(&b));
        assert!(PortSet::all().difference(&PortSet::all()).is_empty());
        let mut union = a.difference(&b);
        union.union_with(&a.intersection(&b));
        assert_eq!(union, a);
        assert!(PortSet::all().is_all() && !a.is_all() && PortSet::none().is_empty());
    }
}
