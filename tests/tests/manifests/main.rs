//! What users install netintent by: the kustomize base with its overlays and component, and the Helm chart, which says the
//! same. Every object is read strictly by whoever it is for.

mod chart;
mod foreign;
mod kustomize;
mod objects;
mod operating;
mod release;
mod rights;
mod server;
mod static_binary;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;
