//! `NetworkPolicies` that users wrote themselves, before or beside netintent.

use super::Document;
use super::cluster::Cluster;

/// Default-deny egress with what the pods need, in one namespace of thirteen; and in one of thirteen an ingress policy.
pub(super) fn of_namespaces(cluster: &Cluster) -> Vec<Document> {
    let mut documents = vec![];
    for (number, namespace) in cluster.namespaces.iter().enumerate() {
        let specs: &[(&str, &str)] = match number % 13 {
            5 => {
                &[("default-deny-egress", DENY), ("allow-dns", DNS), ("allow-cluster", CLUSTER), ("partners", PARTNERS)]
            }
            7 => &[("cache-from-backends", CACHE)],
            _ => &[],
        };
        for (name, spec) in specs {
            let head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n";
            let text = format!("{head}  name: {name}\n  namespace: {namespace}\nspec:\n{spec}");
            documents.push(Document { namespace: Some(number), text });
        }
    }
    documents
}

const DENY: &str = "  podSelector: {}\n  policyTypes: [Egress]\n";

const DNS: &str = "  podSelector: {}
  policyTypes: [Egress]
  egress:
    - to:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: kube-system
          podSelector:
            matchLabels:
              k8s-app: kube-dns
      ports:
        - protocol: UDP
          port: 53
        - protocol: TCP
          port: 53
";

/// Cuts no intent: every managed namespace is of production, and every container listens from 1024 up.
const CLUSTER: &str = "  podSelector: {}
  policyTypes: [Egress]
  egress:
    - to:
        - namespaceSelector:
            matchExpressions:
              - {key: environment, operator: In, values: [production]}
          podSelector:
            matchExpressions:
              - {key: app.kubernetes.io/name, operator: Exists}
      ports:
        - protocol: TCP
          port: 1024
          endPort: 32767
        - protocol: UDP
          port: 8125
";

const PARTNERS: &str = "  podSelector:
    matchLabels:
      app.kubernetes.io/component: api
  policyTypes: [Egress]
  egress:
    - to:
        - ipBlock:
            cidr: 198.51.0.0/16
            except:
              - 198.51.100.0/24
              - 198.51.7.128/25
      ports:
        - protocol: TCP
          port: 443
    - to:
        - ipBlock:
            cidr: 2001:db8::/32
            except:
              - 2001:db8:ffff::/48
      ports:
        - protocol: TCP
          port: 30000
          endPort: 30999
";

/// Opens more than the intents say: policies add up.
const CACHE: &str = "  podSelector:
    matchLabels:
      app.kubernetes.io/component: cache
  policyTypes: [Ingress]
  ingress:
    - from:
        - podSelector:
            matchLabels:
              app.kubernetes.io/component: backend
        - ipBlock:
            cidr: 192.168.0.0/16
            except: [192.168.66.0/24]
      ports:
        - protocol: TCP
          port: redis
";
