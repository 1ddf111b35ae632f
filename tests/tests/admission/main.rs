//! The webhook on a real API server with real controllers: who may call whom is decided where a workload is applied.
//!
//! Every test has namespaces of its own on one control plane that all share; those that end the webhook have one of their
//! own.

#![allow(clippy::needless_raw_string_hashes, reason = "snapbox writes snapshots so")]

mod agreement;
mod certificates;
mod counts;
mod deletion;
mod demo;
mod discovery;
mod freshness;
mod hostile;
mod install;
mod manifests;
mod messages;
mod outage;
mod reviews;
mod rollback;
mod rows;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;
