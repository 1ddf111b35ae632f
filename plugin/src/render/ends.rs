//! Ends and ports in words.

use netintent::cidr::AddressSet;
use netintent::list::{Caveat, Party};
use netintent::port::PortSet;

/// Every address, in one word.
const OUTSIDE: &str = "outside";

/// An end in a table: `shop/frontend`, `outside`, or addresses, of many the first ones unless `all`.
pub(crate) fn short(party: &Party<'_>, all: bool) -> String {
    match party {
        Party::Workload(workload) if all => format!("{} ({})", workload.full_name(), workload.kind),
        Party::Workload(workload) => workload.full_name(),
        Party::Addresses(addresses) => addresses_text(addresses, all),
    }
}

/// An end by its full name, without blanks: `shop/deployment/frontend`, or addresses joined by commas.
pub(crate) fn full(party: &Party<'_>) -> String {
    match party {
        Party::Workload(w) => format!("{}/{}/{}", w.namespace, w.kind.to_lowercase(), w.name),
        Party::Addresses(addresses) if addresses.is_all() => OUTSIDE.to_owned(),
        Party::Addresses(addresses) => addresses.cidrs().iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
    }
}

fn addresses_text(addresses: &AddressSet, all: bool) -> String {
    const MOST: usize = 3;
    if addresses.is_all() {
        return OUTSIDE.to_owned();
    }
    let cidrs = addresses.cidrs();
    let most = if all || cidrs.len() <= MOST + 1 { cidrs.len() } else { MOST };
    let mut text = cidrs[..most].iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if most < cidrs.len() {
        // What is left out of everything says more than what is left.
        let rest = AddressSet::all().difference(addresses).cidrs();
        text = if rest.len() <= MOST {
            let rest: Vec<String> = rest.iter().map(ToString::to_string).collect();
            format!("{OUTSIDE} but {}", rest.join(", "))
        } else {
            format!("{text} and {} more", cidrs.len() - most)
        };
    }
    text
}

/// Allowed ports, with what only some pods may.
pub(crate) fn ports(every: &PortSet, in_part: &PortSet) -> String {
    match (every.is_empty(), in_part.is_empty()) {
        (_, true) => every.to_string(),
        (true, false) => format!("{in_part} (some pods)"),
        (false, false) => format!("{every}, {in_part} (some pods)"),
    }
}

/// Caveats in a cell.
pub(crate) fn caveats(caveats: &[Caveat]) -> String {
    caveats.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Several ends in a cell: whole namespaces by their name, of many the first ones unless `all`.
pub(crate) fn group(parties: &[Party<'_>], totals: &super::table::Totals, all: bool) -> String {
    const MOST: usize = 4;
    let workloads = parties.iter().filter(|p| matches!(p, Party::Workload(_))).count();
    if !all && workloads > 1 && workloads == totals.workloads {
        return format!("*/* ({workloads})");
    }
    let mut names: Vec<String> = Vec::new();
    let mut at = 0;
    while let Some(party) = parties.get(at) {
        if let (Party::Workload(first), false) = (party, all) {
            let same = |p: &&Party<'_>| matches!(p, Party::Workload(w) if w.namespace == first.namespace);
            let count = parties[at..].iter().take_while(same).count();
            if count > 1 && totals.by_namespace.get(&first.namespace) == Some(&count) {
                names.push(format!("{}/* ({count})", first.namespace));
                at += count;
                continue;
            }
        }
        names.push(short(party, false));
        at += 1;
    }
    if all || names.len() <= MOST + 1 {
        return names.join(", ");
    }
    format!("{} and {} more", names[..MOST].join(", "), names.len() - MOST)
}
