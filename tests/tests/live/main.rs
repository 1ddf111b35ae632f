//! The plugin on a live cluster: what it answers, and what it does.

#![allow(clippy::panic, clippy::unwrap_used, missing_docs, reason = "tests may")]

mod approvals;
mod documented;
mod equal;
mod errors;
mod limited;
mod plugin;
mod recover;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;
