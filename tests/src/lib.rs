//! What netintent's tests need of Kubernetes: a real control plane.
//!
//! [`ControlPlane`] is an etcd and a kube-apiserver on loopback ports, [`Kubectl`] the
//! kubectl of the same release, and [`Tools`] finds or builds their binaries. [`Helm`] and
//! [`Foreign`] are what other projects make of our manifests. Nothing is
//! ever skipped: where a binary can neither be found nor built, the test fails and the
//! error says what to install.

mod api;
mod audit;
mod balancer;
mod certificates;
mod changes;
mod control_plane;
mod error;
pub mod expected;
mod foreign;
mod go_module;
mod helm;
pub mod history;
mod in_effect;
mod installed;
mod kubectl;
mod loopback;
pub mod objects;
pub mod odd;
mod process;
mod proxy;
mod random;
pub mod raw;
mod scratch;
mod server;
mod terminal;
mod tools;
mod tunnel;
mod webhook;

pub use api::{Reply, User, runtime};
pub use audit::Asked;
pub use balancer::Balancer;
pub use certificates::{Authority, Identity};
pub use changes::{Changes, Made};
pub use control_plane::{ControlPlane, Options};
pub use error::Error;
pub use foreign::Foreign;
pub use helm::Helm;
pub use installed::{Installation, Installed};
pub use kubectl::{Kubectl, plugin_binary};
pub use loopback::{free_ports, http_get};
pub use proxy::{Fault, Proxy};
pub use random::Random;
pub use scratch::Scratch;
pub use server::Server;
pub use terminal::Terminal;
pub use tools::{Tool, Tools, target};
pub use tunnel::Tunnel;
pub use webhook::{Admissions, Certificates, Ended, Webhook};
