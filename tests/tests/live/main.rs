//! The plugin with a real API server: what it answers and does, and what it takes files for as kubectl would.

#![allow(clippy::panic, clippy::unwrap_used, missing_docs, reason = "tests may")]

mod against;
mod approvals;
mod completion;
mod corpus;
mod documented;
mod equal;
mod errors;
mod install;
mod inventory;
mod leave;
mod limited;
mod mode;
mod odd_files;
mod offline;
mod over;
mod plugin;
mod recover;
mod render;
mod schema;
mod status;
mod terminal;
mod upgrade;
mod walk;
mod ways;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;
