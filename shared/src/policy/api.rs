//! NetworkPolicies as Kubernetes' API has them: what is printed, and what a controller applies.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1 as api;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Direction, NetworkPolicy, Peer, PolicyPort, Rule};
use crate::objects::{Metadata, TargetPort};
use crate::selector::{Operator, Selector};

impl From<&NetworkPolicy> for api::NetworkPolicy {
    /// What a manifest of the policy says. Every default is written out, so that nothing hangs on them; of a direction
    /// without rules the list is written too, so that whoever applies it takes away what somebody else put there. CIDRs
    /// have no host bits: API servers from 1.36 refuse those, and they mean nothing.
    fn from(policy: &NetworkPolicy) -> Self {
        let rules = |direction| policy.rules(direction).map(<[Rule]>::iter);
        let types = [(Direction::Ingress, "Ingress"), (Direction::Egress, "Egress")];
        let types = types.into_iter().filter(|(direction, _)| policy.rules(*direction).is_some());
        Self {
            metadata: metadata(&policy.metadata),
            spec: Some(api::NetworkPolicySpec {
                pod_selector: Some(selector(&policy.pods)),
                policy_types: Some(types.map(|(_, name)| name.to_owned()).collect()),
                ingress: rules(Direction::Ingress).map(|rules| rules.map(ingress).collect()),
                egress: rules(Direction::Egress).map(|rules| rules.map(egress).collect()),
            }),
        }
    }
}

fn metadata(metadata: &Metadata) -> ObjectMeta {
    let labels = metadata.labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
    let annotations = metadata.annotations.iter().map(|(key, text)| (key.clone(), text.value.clone()));
    ObjectMeta {
        namespace: Some(metadata.namespace.clone()),
        name: Some(metadata.name.clone()),
        labels: filled(labels),
        annotations: filled(annotations),
        ..ObjectMeta::default()
    }
}

fn ingress(rule: &Rule) -> api::NetworkPolicyIngressRule {
    api::NetworkPolicyIngressRule { from: listed(&rule.peers, peer), ports: listed(&rule.ports, port) }
}

fn egress(rule: &Rule) -> api::NetworkPolicyEgressRule {
    api::NetworkPolicyEgressRule { to: listed(&rule.peers, peer), ports: listed(&rule.ports, port) }
}

fn peer(peer: &Peer) -> api::NetworkPolicyPeer {
    match peer {
        Peer::Pods { pods, namespaces } => api::NetworkPolicyPeer {
            pod_selector: pods.as_ref().map(selector),
            namespace_selector: namespaces.as_deref().map(selector),
            ip_block: None,
        },
        Peer::Block { cidr, except } => api::NetworkPolicyPeer {
            ip_block: Some(api::IPBlock {
                cidr: cidr.trunc().to_string(),
                except: listed(except, |net| net.trunc().to_string()),
            }),
            ..api::NetworkPolicyPeer::default()
        },
    }
}

fn port(port: &PolicyPort) -> api::NetworkPolicyPort {
    api::NetworkPolicyPort {
        protocol: Some(port.protocol.as_str().to_owned()),
        port: port.port.as_ref().map(|port| match port {
            TargetPort::Number(number) => IntOrString::Int(i32::from(*number)),
            TargetPort::Name(name) => IntOrString::String(name.clone()),
        }),
        end_port: port.end.map(i32::from),
    }
}

/// A selector as people write it: `matchLabels` as far as they go, which is one value of a key.
fn selector(selector: &Selector) -> LabelSelector {
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    let mut expressions = Vec::new();
    for requirement in &selector.requirements {
        match (requirement.operator, requirement.values.as_slice()) {
            (Operator::In, [value]) if !labels.contains_key(&requirement.key) => {
                labels.insert(requirement.key.clone(), value.clone());
            }
            (operator, values) => expressions.push(LabelSelectorRequirement {
                key: requirement.key.clone(),
                operator: operator.as_str().to_owned(),
                values: listed(values, String::clone),
            }),
        }
    }
    LabelSelector {
        match_labels: filled(labels.into_iter()),
        match_expressions: (!expressions.is_empty()).then_some(expressions),
    }
}

/// A list that is left out where it is empty: no peers and no ports mean all of them, as no list does.
fn listed<T, U>(items: &[T], convert: impl Fn(&T) -> U) -> Option<Vec<U>> {
    (!items.is_empty()).then(|| items.iter().map(convert).collect())
}

fn filled(pairs: impl Iterator<Item = (String, String)>) -> Option<BTreeMap<String, String>> {
    let map: BTreeMap<String, String> = pairs.collect();
    (!map.is_empty()).then_some(map)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::objects;

    /// What the policy of a manifest becomes, as JSON.
    fn spec(written: &str) -> serde_json::Value {
        let text = format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{namespace: bank, name: p}}\nspec: {written}\n"
        );
        let policy = api::NetworkPolicy::from(&objects(&text).policies[0]);
        serde_json::to_value(policy).unwrap()["spec"].take()
    }

    #[test]
    fn defaults_are_written_out_and_empty_lists_of_rules_stay() {
        assert_eq!(
            spec("{podSelector: {}}"),
            serde_json::json!({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": []})
        );
        let egress = spec("{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 53}]}]}");
        let rule = serde_json::json!({"ports": [{"protocol": "TCP", "port": 53}]});
        assert_eq!(egress, serde_json::json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": [rule]}));
    }

    #[test]
    fn selectors_are_labels_where_they_can_be() {
        let written = "{matchLabels: {a: b}, matchExpressions: [{key: a, operator: In, values: [c]}, {key: d, operator: Exists}, {key: e, operator: In, values: [f, g]}]}";
        let expressions = serde_json::json!([
            {"key": "a", "operator": "In", "values": ["c"]},
            {"key": "d", "operator": "Exists"},
            {"key": "e", "operator": "In", "values": ["f", "g"]},
        ]);
        let expected = serde_json::json!({"matchLabels": {"a": "b"}, "matchExpressions": expressions});
        assert_eq!(spec(&format!("{{podSelector: {written}}}"))["podSelector"], expected);
    }

    #[test]
    fn blocks_have_no_host_bits() {
        let peers = spec(
            "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.1.2.3/8, except: [10.1.2.3/16]}}, {ipBlock: {cidr: \"2001:DB8::1/32\"}}]}]}",
        );
        let expected = serde_json::json!([
            {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
            {"ipBlock": {"cidr": "2001:db8::/32"}},
        ]);
        assert_eq!(peers["ingress"][0]["from"], expected);
    }
}
