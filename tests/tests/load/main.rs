//! Pods are created at a fixed rate while something goes wrong, and nothing is lost and nothing decided wrongly.
//!
//! Both sides count: what each client was answered is compared with what it should have been, and what the webhook says
//! that it was asked with what those creations imply. One load at a time, since two would share the processors; most are
//! on one control plane. No controller acts there, so that the webhook is asked by these clients alone, and can be
//! reckoned with.
//!
//! The client never tries again. The API server's own client of webhooks may: where a replica says that it takes no more
//! questions on a connection (GOAWAY), HTTP/2 sends those that were not taken over another one. They were never read, and
//! so are counted once.
//!
//! Beside them ten minutes pass without any replica, on a control plane of their own where next to nothing happens.

mod absent;
mod answer;
mod api_server;
mod approvals;
mod huge_bodies;
mod killed;
mod malformed;
mod mix;
mod mounted_folder;
mod nuisances;
mod own_authority;
mod rolling;
mod stand;
mod tally;
mod undisturbed;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
