//! Errors, and the exit status.

use std::io;

use crate::printer;

/// What the exit status says. Scripts rely on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// 0: allowed, no difference, or just done.
    Yes,
    /// 1: denied, allowed in part, or a difference.
    No,
    /// 2: an error, or nobody can tell.
    Trouble,
}

impl From<Status> for std::process::ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Yes => 0,
            Status::No => 1,
            Status::Trouble => 2,
        })
    }
}

/// Why a command ends without an answer.
#[derive(Debug)]
pub(crate) enum Error {
    /// Manifests with errors, already worded with their places.
    Input(Vec<String>),
    /// Anything else, with what to do about it.
    Other {
        /// What went wrong.
        message: String,
        /// What to do.
        help: Option<String>,
    },
    /// The output could not be written.
    Output(io::Error),
}

/// The result of anything that can fail.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::Other { message: message.into(), help: None }
    }

    pub(crate) fn with_help(message: impl Into<String>, help: impl Into<Option<String>>) -> Self {
        Self::Other { message: message.into(), help: help.into() }
    }

    /// The same, said of something that was only tried.
    pub(crate) fn with_nothing_changed(self) -> Self {
        match self {
            Self::Other { message, help } => Self::Other { message: format!("nothing was changed: {message}"), help },
            other => other,
        }
    }

    /// Prints the error to standard error. Whoever closes the pipe has read enough: that is no error.
    pub(crate) fn report(self) -> std::process::ExitCode {
        match self {
            Self::Input(reports) => printer::reports(&reports),
            Self::Other { message, help } => printer::error(&message, help.as_deref()),
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return Status::Yes.into(),
            Self::Output(error) => printer::error(&format!("cannot write the output: {error}"), None),
        }
        Status::Trouble.into()
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<netintent::resolve::ResolveError> for Error {
    fn from(error: netintent::resolve::ResolveError) -> Self {
        Self::Other { message: error.message, help: error.help }
    }
}
