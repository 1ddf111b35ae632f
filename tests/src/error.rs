//! Why a test could not have its control plane.

use std::path::{Path, PathBuf};
use std::{fmt, io};

/// Every error says what was tried and, where there is one, the way out.
#[derive(thiserror::Error)]
pub enum Error {
    /// A file or process could not be used.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried, in the infinitive.
        action: String,
        /// What the system said.
        source: io::Error,
    },
    /// `KUBEBUILDER_ASSETS` is set, but lacks a binary.
    #[error(
        "{} does not exist. KUBEBUILDER_ASSETS must name a folder with kube-apiserver, etcd and \
         kubectl; unset it to have them built with Go instead",
        path.display()
    )]
    NoAsset {
        /// Where the binary was expected.
        path: PathBuf,
    },
    /// The Go client is not installed.
    #[error(
        "cannot run `go` to build {tool} ({source}). Tests run against a real Kubernetes API \
         server and real clients: install Go (the version in {}){instead}",
        module.display()
    )]
    NoGo {
        /// The binary that was wanted.
        tool: &'static str,
        /// The go.mod that names the version.
        module: PathBuf,
        /// Another way to have it.
        instead: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The Go client ran and failed.
    #[error(
        "`go build {package}` failed in {}; it needs the Go version of its go.mod and a module \
         proxy{instead}. It said:\n{output}",
        folder.display()
    )]
    Build {
        /// The package that was built.
        package: String,
        /// The Go module's folder.
        folder: PathBuf,
        /// Another way to have it.
        instead: &'static str,
        /// The end of what the Go client wrote.
        output: String,
    },
    /// go.mod does not say what is needed of it.
    #[error("{}: {what}", file.display())]
    Module {
        /// The go.mod.
        file: PathBuf,
        /// What is missing.
        what: String,
    },
    /// A server ended, or was not ready in time.
    #[error("{what}\n{logs}")]
    Server {
        /// What went wrong.
        what: String,
        /// The end of the servers' logs.
        logs: String,
    },
    /// A command ended with another exit code than 0.
    #[error("`{command}` ended with {status}:\n{output}")]
    Command {
        /// The command line.
        command: String,
        /// Its exit status.
        status: String,
        /// What it wrote to stdout and stderr.
        output: String,
    },
    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The webhook's binary was not built.
    #[error(
        "{} does not exist: `cargo build -p netintent-webhook` builds it (`cargo test --workspace` does), or set \
         NETINTENT_WEBHOOK to the binary",
        path.display()
    )]
    NoWebhook {
        /// Where it was expected.
        path: PathBuf,
    },
    /// The API server could not be asked, or said no where that is not an answer.
    #[error("{what}")]
    Client {
        /// What happened.
        what: String,
    },
    /// The plugin has not been built.
    #[error(
        "{} does not exist: run `cargo build -p kubectl-netintent` first, or set \
         NETINTENT_PLUGIN to the binary",
        path.display()
    )]
    NoPlugin {
        /// Where the plugin was expected.
        path: PathBuf,
    },
    /// A line of the table of odd files cannot be read.
    #[error("{}:{line}: {what}", file.display())]
    Table {
        /// The table.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
}

/// A test that returns an error shows it by `Debug`: people read it, so it is the message.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error {
    /// Wraps an [`io::Error`] with what was tried, in the infinitive.
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }

    /// Wraps an [`io::Error`] with a verb and the path it was applied to.
    pub(crate) fn path(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io(format!("{verb} {}", path.display()))
    }
}
