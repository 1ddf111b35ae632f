//! What calls Services by name, and can carry no intent. Only the names are read, of whatever shape the rest is.

use super::ManifestError;
use super::metadata::any;
use super::read::Context;
use super::text::Node;
use crate::objects::{Exposure, ServiceName};

/// Whether objects of a kind call Services by name, and can carry no intent.
pub fn is_exposure(group: &str, kind: &str) -> bool {
    match group {
        "networking.k8s.io" | "extensions" => kind == "Ingress",
        "gateway.networking.k8s.io" => kind.ends_with("Route"),
        "admissionregistration.k8s.io" => {
            matches!(kind, "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration")
        }
        "apiregistration.k8s.io" => kind == "APIService",
        "apiextensions.k8s.io" => kind == "CustomResourceDefinition",
        _ => false,
    }
}

/// Reads such an object.
pub(super) fn exposure(context: &Context<'_>, node: &Node, group: &str, kind: &str) -> Result<Exposure, ManifestError> {
    let mut metadata = any(context, node)?;
    let namespaced = matches!(group, "networking.k8s.io" | "extensions" | "gateway.networking.k8s.io");
    if namespaced {
        let written = node.get("metadata").and_then(|m| m.get("namespace")).and_then(Node::as_str);
        written.filter(|n| !n.is_empty()).unwrap_or(context.namespace).clone_into(&mut metadata.namespace);
    }
    let mut found = Named { context, own: &metadata.namespace, services: Vec::new() };
    match group {
        "gateway.networking.k8s.io" => found.route(node),
        "admissionregistration.k8s.io" => {
            let hooks = node.get("webhooks").map_or(&[][..], Node::items);
            hooks.iter().for_each(|hook| found.at(hook, &["clientConfig", "service"]));
        }
        "apiregistration.k8s.io" => found.at(node, &["spec", "service"]),
        "apiextensions.k8s.io" => {
            found.at(node, &["spec", "conversion", "webhook", "clientConfig", "service"]);
            found.at(node, &["spec", "conversion", "webhookClientConfig", "service"]);
        }
        _ => found.ingress(node),
    }
    let services = found.services;
    Ok(Exposure { group: group.to_owned(), kind: kind.to_owned().into(), metadata, services })
}

struct Named<'a> {
    context: &'a Context<'a>,
    own: &'a str,
    services: Vec<ServiceName>,
}

impl Named<'_> {
    fn add(&mut self, namespace: Option<&Node>, name: Option<&Node>) {
        let Some((node, name)) = name.and_then(|node| Some((node, node.as_str()?))) else { return };
        let namespace = namespace.and_then(Node::as_str).unwrap_or(self.own).to_owned();
        let name = name.to_owned();
        // An Ingress names one Service for many paths.
        if !self.services.iter().any(|service| service.namespace == namespace && service.name == name) {
            self.services.push(ServiceName { namespace, name, origin: self.context.origin(node.span) });
        }
    }

    /// A reference with `namespace` and `name` at the end of a path.
    fn at(&mut self, node: &Node, path: &[&str]) {
        if let Some(service) = path.iter().try_fold(node, |at, key| at.get(key)) {
            self.add(service.get("namespace"), service.get("name"));
        }
    }

    fn ingress(&mut self, node: &Node) {
        let Some(spec) = node.get("spec") else { return };
        let rules = spec.get("rules").map_or(&[][..], Node::items).iter();
        let paths = rules.filter_map(|rule| rule.get("http")?.get("paths")).flat_map(Node::items);
        let backends = paths.filter_map(|path| path.get("backend"));
        for backend in backends.chain(spec.get("defaultBackend")).chain(spec.get("backend")) {
            let name = backend.get("service").and_then(|service| service.get("name"));
            // Until `networking.k8s.io/v1` the name stood by itself.
            self.add(None, name.or_else(|| backend.get("serviceName")));
        }
    }

    fn route(&mut self, node: &Node) {
        let rules = node.get("spec").and_then(|spec| spec.get("rules")).map_or(&[][..], Node::items);
        for rule in rules {
            let backends = rule.get("backendRefs").map_or(&[][..], Node::items).iter();
            let filters = rule.get("filters").map_or(&[][..], Node::items).iter();
            let mirrors = filters.filter_map(|filter| filter.get("requestMirror")?.get("backendRef"));
            for backend in backends.chain(mirrors) {
                let is =
                    |key: &str, default: &str| backend.get(key).and_then(Node::as_str).unwrap_or(default) == default;
                if is("kind", "Service") && is("group", "") {
                    self.add(backend.get("namespace"), backend.get("name"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::objects;

    fn named(manifest: &str) -> Vec<String> {
        let all = objects(manifest);
        let services = all.exposures.iter().flat_map(|exposure| &exposure.services);
        services.map(|service| format!("{}/{}", service.namespace, service.name)).collect()
    }

    #[test]
    fn each_kind_names_its_services() {
        let ingress = "kind: Ingress\nmetadata: {namespace: shop, name: a}\nspec:\n";
        let v1 = format!(
            "apiVersion: networking.k8s.io/v1\n{ingress}  defaultBackend: {{service: {{name: home}}}}\n  rules:\n  - http: {{paths: [{{backend: {{service: {{name: web}}}}}}, {{backend: {{service: {{name: web}}}}}}]}}\n"
        );
        assert_eq!(named(&v1), ["shop/web", "shop/home"]);
        let old = format!(
            "apiVersion: extensions/v1beta1\n{ingress}  backend: {{serviceName: home}}\n  rules: [{{http: {{paths: [{{backend: {{serviceName: web}}}}]}}}}]\n"
        );
        assert_eq!(named(&old), ["shop/web", "shop/home"]);
        let route = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {namespace: shop, name: a}\nspec:\n  rules:\n  - backendRefs: [{name: web}, {name: b, namespace: other}, {name: c, kind: Bucket}, {name: d, group: x.io}]\n    filters: [{requestMirror: {backendRef: {name: mirror}}}]\n";
        assert_eq!(named(route), ["shop/web", "other/b", "shop/mirror"]);
        let hooks = "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: a}\nwebhooks: [{clientConfig: {service: {namespace: x, name: b}}}, {clientConfig: {url: 'https://z'}}]\n";
        assert_eq!(named(hooks), ["x/b"]);
        let api = "apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1.a.b}\nspec: {service: {namespace: x, name: b}}\n";
        assert_eq!(named(api), ["x/b"]);
        let crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a.b}\nspec: {conversion: {webhook: {clientConfig: {service: {namespace: x, name: b}}}}}\n";
        assert_eq!(named(crd), ["x/b"]);
    }

    #[test]
    fn odd_shapes_name_nothing() {
        let odd = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\nspec: {rules: x, defaultBackend: [1]}\n";
        assert!(named(odd).is_empty());
    }
}
