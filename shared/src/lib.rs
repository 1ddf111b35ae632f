//! Who may call whom in a Kubernetes cluster: declared by the caller, approved by the callee, enforced by plain
//! NetworkPolicy.
//!
//! This crate is the domain, and the only copy of its rules. It is pure: no file, no socket, no clock. Text becomes
//! [`objects::Objects`] (module [`manifest`]), objects become a [`snapshot::Snapshot`], and every answer is a function
//! of a snapshot:
//!
//! ```text
//! text ─ manifest ─► Objects ─► Snapshot ─┬─► explain
//!                                 ▲       ├─► list
//!                         derive, compile ├─► diff
//!                                         ├─► tally
//!                                         └─► render
//!              (explain, list and diff by way of evaluate)
//! ```
//!
//! The three rules everything hangs on are [`derive::derive`] (intents and approvals to pod labels),
//! [`compile::compile`] (Services to NetworkPolicies) and [`evaluate`] (NetworkPolicies to verdicts).

pub mod approval;
pub mod callee;
pub mod caller;
pub mod catalogue;
pub mod check;
pub mod cidr;
pub mod compile;
pub mod connection;
pub mod crd;
pub mod cut;
pub mod derive;
pub mod diff;
pub mod evaluate;
pub mod explain;
pub mod finding;
pub mod intent;
pub mod list;
pub mod manifest;
pub mod mode;
pub mod names;
mod number;
pub mod objects;
pub mod owner;
pub mod pod;
pub mod policy;
pub mod port;
pub mod recover;
pub mod refusal;
pub mod render;
pub mod resolve;
pub mod selector;
pub mod snapshot;
pub mod statements;
pub mod suggest;
pub mod tally;
#[cfg(test)]
mod testing;
pub mod unread;
