//! From answers to text.

pub(crate) mod chain;
pub(crate) mod changed;
pub(crate) mod ends;
pub(crate) mod items;
pub(crate) mod markdown;
pub(crate) mod table;
pub(crate) mod views;
