//! What went wrong between us and an API server, as a person reads it.

use std::time::Duration;

use kube::client::AuthError;
use netintent::names::printable;

use crate::error::Error;

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Not permitted: what the API server says.
    Forbidden(String),
    /// Not permitted to act as somebody else: what the API server says.
    NotAs(String),
    /// No longer permitted, after a part was read.
    Lost(String),
    /// An API server of an old version, or one that can't even say what it has.
    TooOld(Option<String>),
    /// There is no such thing.
    NotFound(String),
    /// What a list was read from is no longer kept.
    Expired,
    /// The API server does not know who asks.
    Unauthorized {
        /// What it says.
        message: String,
        /// Where it is.
        server: String,
    },
    /// The API server refuses, or can't answer.
    Refused {
        /// What it says, without a full stop.
        message: String,
        /// `Conflict`, `Invalid`, `InternalError`, …
        reason: String,
        /// The HTTP status.
        code: u16,
    },
    /// No answer in time.
    Slow {
        /// Where it is.
        server: String,
        /// How long was waited.
        timeout: Duration,
    },
    /// No connection, or it broke.
    Unreachable {
        /// Where it is.
        server: String,
        /// Why.
        why: String,
    },
    /// The credentials can't be had.
    Credentials(String),
    /// An answer that is none of an API server.
    Garbled(String),
}

impl Failure {
    /// What a client's error means.
    pub(crate) fn of(error: kube::Error, server: &str) -> Self {
        match error {
            kube::Error::Api(status) => {
                let message = printable(status.message.trim_end_matches('.'));
                match status.code {
                    401 => Self::Unauthorized { message, server: server.to_owned() },
                    // Whatever was asked: who does not get to be somebody gets no answer at all.
                    403 if message.contains("\" cannot impersonate") => Self::NotAs(message),
                    403 if status.reason == "Forbidden" || status.reason.is_empty() => Self::Forbidden(message),
                    404 => Self::NotFound(message),
                    410 => Self::Expired,
                    code => Self::Refused { message, reason: printable(&status.reason), code },
                }
            }
            kube::Error::Auth(error) => Self::Credentials(credentials(&error)),
            kube::Error::SerdeError(error) => Self::Garbled(error.to_string()),
            kube::Error::FromUtf8(error) => Self::Garbled(error.to_string()),
            kube::Error::Service(error) => {
                // A program that gives credentials runs when the first request needs them.
                match found::<AuthError>(&*error) {
                    Some(error) => Self::Credentials(credentials(error)),
                    None => Self::unreachable(server, &chain(&*error)),
                }
            }
            kube::Error::HyperError(error) => Self::unreachable(server, &chain(&error)),
            other => Self::unreachable(server, &chain(&other)),
        }
    }

    fn unreachable(server: &str, why: &str) -> Self {
        Self::Unreachable { server: server.to_owned(), why: printable(why) }
    }

    /// The same as the error that ends a command.
    pub(crate) fn into_error(self) -> Error {
        let (message, help) = self.worded();
        Error::with_help(message, help)
    }

    /// Whether netintent's own webhook can't be asked, or says no.
    pub(crate) fn is_of_our_webhook(&self) -> bool {
        let (Self::Refused { message, .. } | Self::Forbidden(message)) = self else { return false };
        // At the beginning, where the API server says it: what a webhook says comes after it.
        let message = message.strip_prefix("Internal error occurred: ").unwrap_or(message);
        let heads = ["failed calling webhook \"", "admission webhook \""];
        let named = heads.iter().find_map(|head| message.strip_prefix(head)?.split_once('"'));
        named.is_some_and(|(name, _)| name.ends_with(".netintent.dev"))
    }

    /// Whether it is about this request alone, and others may well be answered.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Forbidden(_) | Self::Refused { .. })
    }

    /// What happened, and what to do.
    pub(crate) fn worded(self) -> (String, Option<String>) {
        match self {
            Self::Forbidden(message) => {
                let help = "kubectl auth whoami says who asks; whoever administers the cluster may grant it";
                (format!("not permitted: {message}"), Some(help.to_owned()))
            }
            Self::NotAs(message) => {
                let help = "whoever administers the cluster may grant it; without --as you ask as yourself".to_owned();
                (format!("not permitted: {message}"), Some(help))
            }
            Self::Lost(message) => {
                let help = "what was read by then is no answer: run the command again".to_owned();
                (format!("permission was lost while reading: {message}"), Some(help))
            }
            Self::TooOld(version) => {
                let help =
                    "netintent needs Kubernetes 1.33 or later; write the objects to a file, and read that with -f";
                let why = version.map_or_else(
                    || "it can't say which kinds it has".to_owned(),
                    |version| format!("it is of Kubernetes {}", printable(&version)),
                );
                (format!("the API server is too old: {why}"), Some(help.to_owned()))
            }
            Self::NotFound(message) if message.is_empty() => {
                ("the API server does not know what is asked".to_owned(), None)
            }
            Self::NotFound(message) => (message, None),
            Self::Expired => {
                let help = "run the command again".to_owned();
                ("the cluster changed faster than it could be read".to_owned(), Some(help))
            }
            Self::Unauthorized { message, server } => {
                let help = "log in again, or renew the token: kubectl auth whoami must succeed".to_owned();
                (format!("the API server {server} does not accept the credentials: {message}"), Some(help))
            }
            Self::Refused { message, reason, code } => {
                let reason = if reason.is_empty() { "error".to_owned() } else { reason };
                let help = (code >= 500).then(|| "try again; kubectl get --raw /readyz?verbose says what fails".into());
                (format!("the API server refuses: {message} ({reason} {code})"), help)
            }
            Self::Slow { server, timeout } => {
                let message = format!("the API server {server} did not answer within {} s", timeout.as_secs_f32());
                (message, Some("give it longer with --request-timeout".to_owned()))
            }
            Self::Unreachable { server, why } => {
                let help = "kubectl config current-context says which cluster is meant; -f reads files";
                (format!("cannot reach the API server {server}: {why}"), Some(help.to_owned()))
            }
            Self::Credentials(why) => {
                let help = "kubectl auth whoami must succeed".to_owned();
                (format!("the credentials can't be had: {}", printable(&why)), Some(help))
            }
            Self::Garbled(why) => {
                let help = "is that an API server of Kubernetes? kubectl version tells".to_owned();
                (format!("the answer can't be read: {}", printable(&why)), Some(help))
            }
        }
    }
}

/// Why there are no credentials. Of a program that gives them it is what it said.
fn credentials(error: &AuthError) -> String {
    let AuthError::AuthExecRun { cmd, out } = error else { return chain(error) };
    let said = String::from_utf8_lossy(&out.stderr);
    let said = said.trim();
    let colon = if said.is_empty() { "" } else { ": " };
    format!("`{cmd}` ended with {}{colon}{said}", out.status)
}

/// An error or one of its causes that is of this type.
fn found<'e, T: std::error::Error + 'static>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e T> {
    std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref())
}

/// An error with its causes, each said once.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::Status;

    fn of(code: u16, reason: &str, message: &str) -> (String, Option<String>) {
        let status = Status { code, reason: reason.into(), message: message.into(), ..Status::default() };
        Failure::of(kube::Error::Api(Box::new(status)), "https://a:1/").worded()
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        let (message, help) = of(401, "Unauthorized", "Unauthorized");
        assert_eq!(message, "the API server https://a:1/ does not accept the credentials: Unauthorized");
        assert!(help.is_some_and(|help| help.contains("log in again")));
        let (message, _) = of(403, "Forbidden", "pods is forbidden: User \"a\u{1b}[31m\" cannot list");
        assert!(!message.contains('\u{1b}') && message.starts_with("not permitted: pods is forbidden"), "{message}");
        let (message, help) = of(500, "InternalError", "etcd is gone.");
        assert_eq!(message, "the API server refuses: etcd is gone (InternalError 500)");
        assert!(help.is_some());
        let (message, help) =
            of(403, "Forbidden", "users \"a\" is forbidden: User \"b\" cannot impersonate resource \"users\"");
        assert!(
            message.starts_with("not permitted: users") && help.is_some_and(|help| help.contains("--as")),
            "{message}"
        );
        assert_eq!(of(409, "Conflict", "changed").1, None);
        assert_eq!(of(410, "Expired", "too old").0, "the cluster changed faster than it could be read");
    }

    #[test]
    fn what_our_own_webhook_holds_up_is_told_from_what_others_do() {
        let of = |code: u16, reason: &str, message: &str| {
            let status = Status { code, reason: reason.into(), message: message.into(), ..Status::default() };
            Failure::of(kube::Error::Api(Box::new(status)), "https://a:1/").is_of_our_webhook()
        };
        let calling =
            |name: &str| format!("Internal error occurred: failed calling webhook \"{name}\": failed to call webhook");
        let denied = |name: &str| format!("admission webhook \"{name}\" denied the request: no");
        assert!(of(500, "InternalError", &calling("guard.netintent.dev")));
        assert!(of(500, "InternalError", &calling("enforce.derive.netintent.dev")));
        assert!(
            of(403, "Forbidden", &denied("guard.netintent.dev"))
                && of(400, "BadRequest", &denied("guard.netintent.dev"))
        );
        for (code, reason, message) in [
            (500, "InternalError", calling("policies.example.com")),
            (403, "Forbidden", denied("policies.example.com")),
            (403, "Forbidden", denied("policies.example.com") + ": failed calling webhook \"guard.netintent.dev\""),
            (422, "Invalid", "ValidatingAdmissionPolicy 'x' with binding 'x' denied request: no".to_owned()),
            (500, "InternalError", "Internal error occurred: etcd is gone".to_owned()),
            (503, "ServiceUnavailable", "the server is shutting down".to_owned()),
        ] {
            assert!(!of(code, reason, &message), "{message}");
        }
    }
}
