//! Policies add up: what lets more in never cuts anything.

use netintent::evaluate::evaluate;
use netintent::objects::Objects;
use netintent::policy::Rule;
use proptest::prelude::*;

use crate::agreement::pod;
use crate::generate::{objects, policies, snapshot};

/// Whether every connection between two pods is still there.
fn keeps(before: &Objects, after: &Objects) -> Result<(), TestCaseError> {
    let (a, b) = (snapshot(before), snapshot(after));
    prop_assert_eq!(a.pods.len(), b.pods.len());
    for (from, to) in (0..a.pods.len()).flat_map(|from| (0..a.pods.len()).map(move |to| (from, to))) {
        let of = |snapshot| evaluate(snapshot, pod(from).0, pod(to).0).ports;
        let (was, is) = (of(&a), of(&b));
        let lost =
            was.iter().any(|(protocol, i)| !is.iter().any(|(p, j)| p == protocol && j.from <= i.from && i.to <= j.to));
        prop_assert!(!lost, "from pod {} to pod {}: {} became {}", from, to, was, is);
    }
    Ok(())
}

proptest! {
    #![proptest_config(crate::config())]

    #[test]
    fn a_rule_more_in_a_policy_cuts_nothing(
        objects in objects(),
        policy in policies::policy(),
        rule in policies::rule(),
        ingress in any::<bool>(),
    ) {
        let mut before = objects;
        before.policies.push(policy);
        let mut after = before.clone();
        let last = after.policies.last_mut().unwrap();
        let (first, second) = if ingress { (&mut last.ingress, &mut last.egress) } else { (&mut last.egress, &mut last.ingress) };
        let rules: &mut Vec<Rule> = first.as_mut().or(second.as_mut()).unwrap();
        rules.push(rule);
        keeps(&before, &after)?;
    }

    #[test]
    fn a_policy_more_for_pods_that_are_isolated_already_cuts_nothing(
        objects in objects(),
        isolating in policies::policy(),
        rules in proptest::collection::vec(policies::rule(), 0..3),
    ) {
        let mut before = objects;
        before.policies.push(isolating.clone());
        let mut after = before.clone();
        let mut more = isolating;
        more.metadata.name = "more".to_owned();
        more.ingress = more.ingress.map(|_| rules.clone());
        more.egress = more.egress.map(|_| rules);
        after.policies.push(more);
        keeps(&before, &after)?;
    }
}
