//! Policies that are printed are read again as what they are, and add nothing to what enforce does of itself.

use k8s_openapi::api::networking::v1 as api;
use netintent::manifest::{Object, decode, text};
use netintent::objects::Objects;
use netintent::policy::{NetworkPolicy, Peer, Rule};
use netintent::render::rendered;
use proptest::prelude::*;

use crate::difference::differences;
use crate::generate::{objects, policies, snapshot};

/// A policy as the API has it, read again.
fn again(policy: &NetworkPolicy) -> Result<NetworkPolicy, TestCaseError> {
    let json = serde_json::to_string(&api::NetworkPolicy::from(policy)).unwrap();
    let node = text::parse(&text::documents(json.as_bytes()).unwrap()[0]).unwrap().unwrap();
    let read = decode(&node, 0, "elsewhere").map_err(|error| TestCaseError::fail(format!("{error}: {json}")))?;
    prop_assert_eq!(&read.findings, &vec![], "{}", json);
    match read.objects.as_slice() {
        [Object::Policy(policy)] => Ok((**policy).clone()),
        other => Err(TestCaseError::fail(format!("{other:?}"))),
    }
}

/// A policy without what no manifest keeps: where it stands, how its annotations are quoted, and host bits of CIDRs.
fn unplaced(mut policy: NetworkPolicy) -> NetworkPolicy {
    policy.metadata.origin = None;
    for (_, text) in &mut policy.metadata.annotations {
        (text.origin, text.style) = (None, text::Style::Plain);
    }
    let rules = policy.ingress.iter_mut().chain(&mut policy.egress).flatten();
    for Rule { peers, origin, .. } in rules {
        *origin = None;
        for peer in peers {
            if let Peer::Block { cidr, except } = peer {
                *cidr = cidr.trunc();
                except.iter_mut().for_each(|net| *net = net.trunc());
            }
        }
    }
    policy
}

proptest! {
    #![proptest_config(crate::config())]

    #[test]
    fn a_policy_that_is_printed_is_read_again(
        policy in prop_oneof![3 => policies::policy(), 1 => policies::policy_of_blocks()],
    ) {
        prop_assert_eq!(unplaced(again(&policy)?), unplaced(policy));
    }

    /// With the label and the annotation that say whose they are.
    #[test]
    fn the_policies_of_services_are_read_again(objects in objects()) {
        let snapshot = snapshot(&objects);
        for rendered in rendered(&snapshot) {
            prop_assert_eq!(unplaced(again(rendered.policy)?), unplaced(rendered.policy.clone()));
        }
    }

    #[test]
    fn the_order_of_the_input_is_no_difference(objects in objects()) {
        let mut reversed = objects.clone();
        reversed.namespaces.reverse();
        reversed.services.reverse();
        reversed.policies.reverse();
        reversed.approvals.reverse();
        reversed.prohibitions.reverse();
        let policies = |objects: &Objects| -> Vec<NetworkPolicy> {
            rendered(&snapshot(objects)).iter().map(|rendered| rendered.policy.clone()).collect()
        };
        prop_assert_eq!(policies(&objects), policies(&reversed));
    }

    /// Whoever applies what is rendered changes nothing, and has nothing left to render anew.
    #[test]
    fn what_is_rendered_and_added_changes_nothing(objects in objects()) {
        let before = snapshot(&objects);
        let mut added = objects.clone();
        for rendered in rendered(&before) {
            added.policies.push(unplaced(again(rendered.policy)?));
        }
        let after = snapshot(&added);
        prop_assert!(differences(&before, &after).is_empty());
        let (once, twice) = (rendered(&before), rendered(&after));
        prop_assert_eq!(once.len(), twice.len());
        for (once, twice) in once.iter().zip(&twice) {
            prop_assert_eq!((once.policy, once.service), (twice.policy, twice.service));
            prop_assert!(twice.edited.is_none(), "{:?}", twice.edited);
        }
    }
}
