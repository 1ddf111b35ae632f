//! Which cluster is read, and as whom: kubectl's flags.

#![allow(clippy::doc_markdown, reason = "these comments are the help that users read")]

use std::time::Duration;

use clap::Args;

const HEADING: &str = "Cluster";

/// kubectl's flags for the cluster. With -f they say nothing.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Connection {
    /// The kubeconfig file, in place of KUBECONFIG and ~/.kube/config
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    pub(crate) kubeconfig: Option<String>,

    /// The context of the kubeconfig
    #[arg(long, value_name = "NAME", help_heading = HEADING)]
    pub(crate) context: Option<String>,

    /// The cluster of the kubeconfig, in place of the context's
    #[arg(long, value_name = "NAME", help_heading = HEADING)]
    pub(crate) cluster: Option<String>,

    /// The user of the kubeconfig, in place of the context's
    #[arg(long, value_name = "NAME", help_heading = HEADING)]
    pub(crate) user: Option<String>,

    /// The API server's address, in place of the cluster's
    #[arg(short = 's', long, value_name = "URL", help_heading = HEADING)]
    pub(crate) server: Option<String>,

    /// A bearer token, in place of the user's credentials
    #[arg(long, value_name = "TOKEN", help_heading = HEADING)]
    pub(crate) token: Option<String>,

    /// Act as this user
    #[arg(long = "as", value_name = "USER", help_heading = HEADING)]
    pub(crate) as_user: Option<String>,

    /// Act as a member of this group (repeatable)
    #[arg(long = "as-group", value_name = "GROUP", requires = "as_user", help_heading = HEADING)]
    pub(crate) as_groups: Vec<String>,

    /// Act as a user of this UID
    #[arg(long, value_name = "UID", requires = "as_user", help_heading = HEADING)]
    pub(crate) as_uid: Option<String>,

    /// How long one request may take (30s, 2m; 0: as long as it takes)
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = HEADING)]
    pub(crate) request_timeout: Option<Duration>,
}

/// A duration as kubectl takes it: `30s`, `1m30s`, or a number of seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(Duration::from_secs(seconds.into()));
    }
    let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    parsed.ok_or_else(|| "a duration was expected, such as 30s or 2m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_kubectls() {
        for (text, seconds) in [("0", 0), ("0s", 0), ("15", 15), ("30s", 30), ("1m30s", 90), ("2h", 7200)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "-1s", "soon", "-5", "1.5.2s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
