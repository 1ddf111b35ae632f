//! The controller on a real API server with real controllers: running pods have the labels that they have a right to, and
//! Services the policies that `enforce` gives them, whatever changes and whoever is killed.

mod cluster;
mod errors;
mod failover;
mod faults;
mod labels;
mod large;
mod order;
mod policies;
mod sequences;
mod told;

use netintent_tests::objects;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;
