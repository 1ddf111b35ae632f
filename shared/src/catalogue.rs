//! What is known of namespaces and Services, whoever knows it: the callee's side of an intent.

use crate::callee::{CalleePattern, Scope};
use crate::compile;
use crate::mode::Mode;
use crate::objects::Service;

/// Namespaces and their Services: of a snapshot, or of a running cluster.
pub trait Catalogue {
    /// The mode of a namespace; `off` where there is none of the name.
    fn mode(&self, namespace: &str) -> Mode;

    /// The Services of a scope whatever their labels, each with the number it has here: the one of a name, those of a
    /// namespace, or all.
    fn services(&self, scope: &Scope) -> Vec<(usize, &Service)>;

    /// The names of the namespaces.
    fn namespaces(&self) -> Vec<&str>;
}

/// The Services that a callee pattern means at this moment.
pub fn services_meant<'c>(catalogue: &'c dyn Catalogue, callee: &CalleePattern) -> Vec<(usize, &'c Service)> {
    let mut all = catalogue.services(&callee.scope);
    all.retain(|(_, service)| compile::means(callee, service, catalogue.mode(&service.metadata.namespace)));
    all
}

/// The callee's side of how strictly a refusal is taken: the strictest Service that the pattern means, or for a Service
/// that does not exist its namespace's mode.
pub fn callee_mode(catalogue: &dyn Catalogue, callee: &CalleePattern) -> Mode {
    let mode = |service: &Service| compile::service_mode(service, catalogue.mode(&service.metadata.namespace));
    let strictest = services_meant(catalogue, callee).into_iter().map(|(_, service)| mode(service)).max();
    strictest.unwrap_or_else(|| match &callee.scope {
        Scope::Service { namespace, .. } | Scope::Namespace(namespace) => catalogue.mode(namespace),
        Scope::Cluster | Scope::Type(_) => Mode::Off,
    })
}
