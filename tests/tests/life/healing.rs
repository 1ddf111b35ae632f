//! What a GitOps tool resets is put right within seconds.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use netintent_tests::raw::bundle;
use netintent_tests::{Authority, Installed, Reply};
use serde_json::{Value, json};

use crate::Result;
use crate::authority::two;

/// How soon: "within seconds".
const SOON: Duration = Duration::from_secs(5);

/// However it is reset: emptied, replaced by somebody else's, or the whole configuration written anew.
#[test]
fn a_bundle_that_is_reset_comes_back() -> Result {
    let installed = Installed::start_with(&two())?;
    let (admin, good) = (installed.admin(), bundle(&installed)?);
    let other = STANDARD.encode(Authority::new()?.pem());
    for kind in ["mutating", "validating"] {
        let path = format!("/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations/netintent");
        let object = admin.get(&path)?.body;
        let count = object["webhooks"].as_array().map_or(0, Vec::len);
        let with = |value: Option<&str>, only: Option<usize>| -> Result<Reply> {
            let mut object = admin.get(&path)?.body;
            for entry in object["webhooks"].as_array_mut().into_iter().flatten().take(only.unwrap_or(count)) {
                entry["clientConfig"]["caBundle"] = value.map_or(Value::Null, Value::from);
            }
            Ok(admin.put(&path, &object)?)
        };
        for (value, only) in [(None, None), (None, Some(1)), (Some(other.as_str()), None)] {
            let mut reply = with(value, only)?;
            // A replica may have written it a moment ago.
            while reply.status == 409 {
                reply = with(value, only)?;
            }
            assert!(reply.is_success(), "{reply:?}");
            let began = Instant::now();
            // What is only too much goes a minute later: the other one may stand beside ours.
            installed.until("the bundle is back in every entry", || {
                let object = admin.get(&path)?.body;
                let entries = object["webhooks"].as_array().cloned().unwrap_or_default();
                let trusts = |entry: &Value| {
                    let bundle = STANDARD.decode(entry["clientConfig"]["caBundle"].as_str()?).ok()?;
                    String::from_utf8_lossy(&bundle).contains(good.trim()).then_some(())
                };
                Ok(entries.iter().map(trusts).collect::<Option<()>>())
            })?;
            assert!(began.elapsed() < SOON, "{kind}: {:?}", began.elapsed());
        }
        installed.until("nothing else is trusted in the end", || {
            Ok((bundle(&installed).ok().as_deref() == Some(good.as_str())).then_some(()))
        })?;
    }
    let reply = installed.admin().post("/api/v1/namespaces", &json!({"metadata": {"name": "after"}}))?;
    assert!(reply.is_success(), "{reply:?}");
    Ok(())
}
