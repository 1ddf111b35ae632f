//! One thing that is as it should be, or is not, or cannot be told.

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// What there is to know of it could not be read.
    Unknown,
    /// Told, and no reason for anything.
    Told,
}

/// One of the things that are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// What is looked at, in a word.
    pub(crate) name: &'static str,
    /// How it is.
    pub(crate) state: State,
    /// What was found.
    pub(crate) text: String,
    /// What to do.
    pub(crate) help: Option<String>,
}

impl Line {
    pub(crate) fn good(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, state: State::Good, text: text.into(), help: None }
    }

    pub(crate) fn bad(name: &'static str, text: impl Into<String>, help: impl Into<String>) -> Self {
        Self { name, state: State::Bad, text: text.into(), help: Some(help.into()) }
    }

    pub(crate) fn unknown(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, state: State::Unknown, text: text.into(), help: None }
    }

    pub(crate) fn told(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, state: State::Told, text: text.into(), help: None }
    }
}
