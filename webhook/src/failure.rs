//! What went wrong with the API server, as a person reads it: once, with its cause, and without the names of types.

use std::error::Error;

/// An error of the client in a line.
pub(crate) fn said(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        let reason = if status.reason.is_empty() { "error" } else { &status.reason };
        return format!("{} ({reason} {})", status.message, status.code);
    }
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

    #[test]
    fn a_refusal_is_what_the_api_server_said() {
        let status = Status {
            message: "secrets is forbidden".into(),
            reason: "Forbidden".into(),
            code: 403,
            ..Status::default()
        };
        assert_eq!(said(&kube::Error::Api(Box::new(status))), "secrets is forbidden (Forbidden 403)");
    }

    #[tokio::test]
    async fn a_cause_is_told_once() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let config = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
        let error = kube::Client::try_from(config).unwrap().apiserver_version().await.unwrap_err();
        let text = said(&error);
        assert_eq!(text.matches("onnection refused").count(), 1, "{text}");
    }
}
