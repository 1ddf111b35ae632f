//! The admission webhook of netintent: what callers declare and callees have approved becomes labels of pods, and what is
//! not approved is refused at once, with what to do about it.
//!
//! ```text
//! API server ── watches ──► cache ──┐
//!      │                            ├─► admission: judge ─► answer
//!      └─ AdmissionReview ─► server ┘        ▲
//!                                  live reads, before a refusal
//! ```
//!
//! The [`controller`] keeps running pods and policies so, by the same cache.
//!
//! Every rule is the library's: this crate reads, asks and answers.

pub mod admission;
pub mod cache;
mod callers;
pub mod certificates;
pub mod controller;
mod failure;
mod lean;
pub mod live;
pub mod metrics;
pub mod review;
pub mod server;
pub mod watch;
pub mod watched;
pub mod world;
