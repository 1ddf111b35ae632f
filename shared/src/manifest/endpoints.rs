//! Where a Service without selector leads: addresses and pods that somebody else has written down. Of whatever shape the
//! rest is, only these are read.

use std::net::IpAddr;

use super::ManifestError;
use super::metadata::namespaced;
use super::read::Context;
use super::text::Node;
use crate::objects::Endpoints;
use crate::port::Protocol;

/// Label on an `EndpointSlice`: the Service that it is of.
const SERVICE: &str = "kubernetes.io/service-name";

/// Whether objects of a kind say where a Service leads.
pub fn is_endpoints(group: &str, kind: &str) -> bool {
    group == "discovery.k8s.io" && kind == "EndpointSlice"
}

/// Reads such an object.
pub(super) fn endpoints(context: &Context<'_>, node: &Node) -> Result<Endpoints, ManifestError> {
    let metadata = namespaced(context, node)?;
    let service = metadata.labels.get(SERVICE).unwrap_or_default().to_owned();
    let all = node.get("endpoints").map_or(&[][..], Node::items);
    let mut addresses: Vec<IpAddr> = Vec::new();
    let mut pods: Vec<(String, String)> = Vec::new();
    for endpoint in all {
        let written = endpoint.get("addresses").map_or(&[][..], Node::items);
        addresses.extend(written.iter().filter_map(|address| address.as_str()?.parse::<IpAddr>().ok()));
        let Some(target) = endpoint.get("targetRef") else { continue };
        let text = |key: &str| target.get(key).and_then(Node::as_str);
        if let (Some("Pod"), Some(name)) = (text("kind"), text("name")) {
            let namespace = text("namespace").filter(|namespace| !namespace.is_empty());
            pods.push((namespace.unwrap_or(&metadata.namespace).to_owned(), name.to_owned()));
        }
    }
    let ports = node.get("ports").map_or(&[][..], Node::items);
    let ports = ports.iter().map(|port| {
        let protocol = port.get("protocol").and_then(Node::as_str).unwrap_or("TCP");
        let number = port.get("port").and_then(Node::as_number).and_then(|number| number.parse().ok());
        Some((Protocol::parse(protocol)?, number.filter(|number| *number > 0)?))
    });
    // By the API an element without a number means every port, and no element that no port is defined: `null` and `[]` are
    // the same to it. What can't be read may be any.
    let ports = ports.collect::<Option<Vec<(Protocol, u16)>>>();
    Ok(Endpoints { metadata, service, addresses, pods, ports })
}

#[cfg(test)]
mod tests {
    use crate::port::Protocol;
    use crate::testing::objects;

    #[test]
    fn addresses_pods_and_ports_are_read() {
        let text = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
            metadata: {namespace: bank, name: db-1, labels: {kubernetes.io/service-name: db}}\naddressType: IPv4\n\
            endpoints: [{addresses: [10.0.0.1], targetRef: {kind: Pod, name: db-0}}, {addresses: [10.0.0.2, x]}, 3]\n\
            ports: [{port: 5432}, {port: 53, protocol: UDP}]\n";
        let all = objects(text).endpoints;
        assert_eq!((all.len(), all[0].service.as_str()), (1, "db"));
        assert_eq!(all[0].addresses.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.0.0.1", "10.0.0.2"]);
        assert_eq!(all[0].pods, [("bank".to_owned(), "db-0".to_owned())]);
        assert_eq!(all[0].ports, Some(vec![(Protocol::Tcp, 5432), (Protocol::Udp, 53)]));
        let ports = |written: &str| {
            let text = text.replace("ports: [{port: 5432}, {port: 53, protocol: UDP}]\n", written);
            objects(&text).endpoints.remove(0).ports
        };
        for every in
            ["ports: [{name: all}]", "ports: [{port: null}]", "ports: [{port: 1}, {port: 0}]", "ports: [{port: x}]"]
        {
            assert_eq!(ports(every), None, "{every}");
        }
        for none in ["", "ports: null", "ports: []"] {
            assert_eq!(ports(none), Some(Vec::new()), "{none}");
        }
    }
}
