//! What time it is in the cluster: a clock of this machine that is wrong must not make a Lease or a certificate look old.

use http::header::{DATE, HeaderMap};
use jiff::Timestamp;
use jiff::fmt::rfc2822;

use super::list::get;
use super::{Cluster, Failure};

/// What every API server answers everybody, be it by a refusal.
const ASKED: &str = "/version";

impl Cluster {
    /// The time by the clock of the API server, in whole seconds; by that of this machine where the answer does not say it.
    ///
    /// # Errors
    /// Where there is no answer.
    pub(crate) async fn now(&self) -> Result<Timestamp, Failure> {
        let request = get(ASKED, "application/json")?.map(kube::client::Body::from);
        let answer = self.in_time(self.client.send(request)).await?;
        Ok(date(answer.headers()).unwrap_or_else(Timestamp::now))
    }
}

/// What the header `Date` says.
fn date(headers: &HeaderMap) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(headers.get(DATE)?.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_date_of_an_answer_is_read() {
        let of = |text: &'static str| date(&HeaderMap::from_iter([(DATE, HeaderValue::from_static(text))]));
        assert_eq!(
            of("Thu, 26 Nov 2026 12:00:10 GMT").map(|at| at.to_string()).as_deref(),
            Some("2026-11-26T12:00:10Z")
        );
        for other in ["", "soon", "Thu, 26 Nov 2026", "2026-11-26T12:00:10Z"] {
            assert_eq!(of(other), None, "{other}");
        }
        assert_eq!(date(&HeaderMap::new()), None);
    }
}
