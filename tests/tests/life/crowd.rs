//! Whoever reaches the port and means no good keeps nobody from being answered.

use std::time::{Duration, Instant};

use netintent_tests::raw::{ask, connect_from, head, trusting};
use netintent_tests::{Installation, Installed, runtime};
use rustls::pki_types::ServerName;
use tokio::io::AsyncWriteExt as _;

use crate::Result;

/// How many connections each address opens.
const EACH: usize = 60;
/// Longer than an honest question takes, shorter than others are waited for.
const SOON: Duration = Duration::from_secs(2);

/// Two hundred and forty questions that are announced as long, and never come.
#[test]
fn who_announces_much_and_sends_nothing_takes_nobodys_room() -> Result {
    let installed = Installed::start_with(&Installation { controllers: false, ..Installation::default() })?;
    let (tls, port) = (trusting(&installed)?, installed.webhook().ports().0);
    runtime()?.block_on(async {
        let mut held = Vec::new();
        for address in 3..7 {
            for _ in 0..EACH {
                let stream = connect_from([127, 0, 0, address], port).await?;
                let mut stream = tls.connect(ServerName::try_from("127.0.0.1")?, stream).await?;
                stream.write_all(head("/guard", 256 * 1024).as_bytes()).await?;
                stream.flush().await?;
                held.push(stream);
            }
        }
        for path in ["/derive", "/guard", "/workloads"] {
            let began = Instant::now();
            let (status, _) = ask(&tls, port, path, REVIEW.as_bytes()).await?;
            assert_eq!(status, 200);
            assert!(began.elapsed() < SOON, "{path}: {:?}", began.elapsed());
        }
        drop(held);
        Ok(())
    })
}

/// What is read for a question goes by its namespace, which leads nowhere else.
#[test]
fn a_namespace_steers_no_request() -> Result {
    let installed = Installed::start_with(&Installation { controllers: false, ..Installation::default() })?;
    let (tls, port) = (trusting(&installed)?, installed.webhook().ports().0);
    for namespace in ["../../../apis/apps/v1/deployments?x=", "netintent-system/secrets/netintent-authority?x=", "A b"]
    {
        let review = REVIEW.replace("\"shop\"", &format!("{namespace:?}"));
        for path in ["/derive", "/guard", "/workloads", "/approvals"] {
            let (status, said) = runtime()?.block_on(ask(&tls, port, path, review.as_bytes()))?;
            assert_eq!(status, 400, "{path}");
            assert!(String::from_utf8_lossy(&said).contains("its namespace is no name"));
        }
    }
    Ok(())
}

/// A pod without intents in a namespace that nobody knows.
pub(crate) const REVIEW: &str = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1",
    "kind":{"group":"","version":"v1","kind":"Pod"},"namespace":"shop","operation":"CREATE",
    "userInfo":{"username":"me"},"object":{"metadata":{"generateName":"a-"},"spec":{}}}}"#;
