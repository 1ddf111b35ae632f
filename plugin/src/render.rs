//! From answers to text.

pub(crate) mod chain;
pub(crate) mod changed;
pub(crate) mod difference;
pub(crate) mod ends;
pub(crate) mod findings;
pub(crate) mod github;
pub(crate) mod items;
pub(crate) mod junit;
pub(crate) mod manifests;
pub(crate) mod markdown;
pub(crate) mod mode;
pub(crate) mod recover;
pub(crate) mod sarif;
pub(crate) mod status;
pub(crate) mod table;
pub(crate) mod uninstall;
pub(crate) mod unread;
pub(crate) mod views;
