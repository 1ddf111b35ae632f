//! Approvals are added and removed by the thousand, among them those that the load stands on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use netintent_tests::User;
use serde_json::{Value, json};

use crate::Result;
use crate::stand::{Stand, shared, since, turn};

/// How many are added and removed.
const APPROVALS: usize = 10_000;
/// How many clients do so at once.
const CLIENTS: usize = 8;
/// How many of each client's are there at once.
const STANDING: usize = 12;
/// How long that may take: no longer than a load may last.
const PATIENCE: Duration = Duration::from_mins(9);

#[test]
fn thousands_of_approvals_come_and_go() -> Result {
    let _turn = turn();
    let installed = shared()?;
    let stand = Stand::new(installed, "approvals")?;
    let (bank, shop) = (stand.mix.bank(), stand.mix.names()[0].clone());
    let before = stand.admissions()?;
    let next = AtomicUsize::new(0);
    let (tally, ()) = stand.load(|_| {
        thread::scope(|scope| {
            let client = || scope.spawn(|| churn(installed.admin(), &bank, &shop, &next).map_err(|e| e.to_string()));
            let clients: Vec<_> = (0..CLIENTS).map(|_| client()).collect();
            for client in clients {
                client.join().map_err(|_| "a client panicked")??;
            }
            Ok(())
        })
    })?;
    tally.assert_right();
    // Each is signed when it is added, and asked about when it is removed.
    let mut implied = tally.implied(|_| true);
    for outcome in ["patched", "allowed"] {
        implied.insert(("approvals".to_owned(), outcome.to_owned()), APPROVALS as u64);
    }
    assert_eq!(since(&before, &stand.admissions()?), implied);
    stand.clean()
}

/// In the callees' own namespace. Nine of ten are for callers that there are, whose pods would keep them from being removed
/// if they did not say why they go.
fn approval(bank: &str, shop: &str, number: usize) -> Value {
    let (caller, annotations) = if number.is_multiple_of(10) {
        (format!("{shop}/other-{number}"), json!({}))
    } else {
        (format!("{shop}/web"), json!({"netintent.dev/revoked": "a test"}))
    };
    json!({"apiVersion": "netintent.dev/v1alpha1", "kind": "Approval",
        "metadata": {"namespace": bank, "name": format!("more-{number}"), "annotations": annotations},
        "spec": {"callers": [caller], "callees": ["ledger:rpc", "ledger:metrics"], "reason": "a test"}})
}

fn churn(admin: &User, bank: &str, shop: &str, next: &AtomicUsize) -> Result {
    let path = format!("/apis/netintent.dev/v1alpha1/namespaces/{bank}/approvals");
    let remove = |number: usize| -> Result {
        let reply = admin.delete(&format!("{path}/more-{number}"))?;
        if reply.is_success() { Ok(()) } else { Err(format!("more-{number} stays: {reply:?}").into()) }
    };
    let mut standing = std::collections::VecDeque::new();
    let began = Instant::now();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= APPROVALS {
            break;
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("only {number} of {APPROVALS} were added in {PATIENCE:?}").into());
        }
        let reply = admin.post(&path, &approval(bank, shop, number))?;
        let signed = reply.body.pointer("/metadata/annotations/netintent.dev~1approved-by");
        if !reply.is_success() || signed.and_then(Value::as_str) != Some("admin") {
            return Err(format!("more-{number} is not added as it should be: {reply:?}").into());
        }
        standing.push_back(number);
        if standing.len() > STANDING {
            standing.pop_front().map_or(Ok(()), remove)?;
        }
    }
    standing.into_iter().try_for_each(remove)
}
