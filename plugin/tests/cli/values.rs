//! Values to compare: what JSON and YAML mean.

use netintent::manifest::text::{Node, Value as Yaml, documents, parse};
use serde_json::Value;

/// The value of a text of one YAML document.
pub(crate) fn yaml(text: &str) -> Value {
    let found = documents(text.as_bytes()).unwrap();
    assert_eq!(found.len(), 1, "one document was expected in {text}");
    value(&parse(&found[0]).unwrap().unwrap())
}

fn value(node: &Node) -> Value {
    match &node.value {
        Yaml::Null => Value::Null,
        Yaml::Bool(truth) => Value::Bool(*truth),
        Yaml::Number(number) => serde_json::from_str(number).unwrap(),
        Yaml::String(text) => Value::String(text.clone()),
        Yaml::Sequence(items) => items.iter().map(value).collect(),
        Yaml::Mapping(entries) => entries.iter().map(|e| (e.key.clone(), value(&e.value))).collect(),
    }
}

/// The value of a text of JSON.
pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// An end in few words: `shop/Deployment/frontend`, or the CIDRs.
pub(crate) fn end(value: &Value) -> String {
    if let Some(cidrs) = value["cidrs"].as_array() {
        return cidrs.iter().map(|cidr| cidr.as_str().unwrap()).collect::<Vec<_>>().join(",");
    }
    let field = |key: &str| value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}")).to_owned();
    format!("{}/{}/{}", field("namespace"), field("kind"), field("name"))
}

/// Ports in few words: `TCP 8080`, `TCP 80-90`, whatever is declared of them.
pub(crate) fn ports(value: &Value) -> String {
    let mut ranges: Vec<(&str, u64, u64)> = Vec::new();
    for port in value.as_array().unwrap() {
        let (protocol, from) = (port["protocol"].as_str().unwrap(), port["from"].as_u64().unwrap());
        let to = port["to"].as_u64().unwrap();
        match ranges.last_mut() {
            Some((before, _, last)) if *before == protocol && *last + 1 == from => *last = to,
            _ => ranges.push((protocol, from, to)),
        }
    }
    let text = |(protocol, from, to): &(&str, u64, u64)| {
        if from == to { format!("{protocol} {from}") } else { format!("{protocol} {from}-{to}") }
    };
    ranges.iter().map(text).collect::<Vec<_>>().join(", ")
}

/// Ports of which every one is `key`.
pub(crate) fn every(ports: &Value, key: &str) -> bool {
    ports.as_array().unwrap().iter().all(|port| port[key].as_bool().unwrap())
}
