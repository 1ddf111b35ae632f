//! The plugin on a live cluster: what it answers, and what it does.

#![allow(clippy::panic, clippy::unwrap_used, missing_docs, reason = "tests may")]

mod approvals;
mod completion;
mod documented;
mod equal;
mod errors;
mod limited;
mod mode;
mod over;
mod plugin;
mod status;
mod tunnel;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;
