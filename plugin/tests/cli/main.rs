//! The binary as a user meets it: what it prints, where, and the exit status.

#![allow(clippy::panic, clippy::unwrap_used, missing_docs, reason = "tests may")]

mod approve;
mod bad_input;
mod completion;
mod demo;
mod findings;
mod git;
mod hostile;
mod limited;
mod mode;
mod odd;
mod odd_input;
mod rendering;
mod renew;
mod revoke;
mod run;
mod snapshots;
mod terminal;
mod unread;
mod values;
