//! The webhook's own authority is replaced, and the API server told whom to trust.

use netintent_tests::{Installed, runtime};

use crate::Result;
use crate::stand::{Stand, shared, since, turn};
use netintent_tests::raw::{bundle, served, trusting};

const SECRET: &str = "/api/v1/namespaces/netintent-system/secrets/netintent-authority";

/// Twice, since what one rotation leaves behind the next one finds. The loss of the Secret asks for one.
#[test]
fn a_rotation_of_the_own_authority_loses_nothing() -> Result {
    let _turn = turn();
    let installed = shared()?;
    let stand = Stand::new(installed, "authority")?;
    let before = stand.admissions()?;
    let (tally, ()) = stand.load(|progress| {
        for rotation in 1..=2 {
            let from = progress.answered();
            installed.until("pods are created", || Ok((progress.answered() >= from + 300).then_some(())))?;
            let old = bundle(installed)?;
            let before = leaves(installed)?;
            let reply = installed.admin().delete(SECRET)?;
            assert!(reply.is_success(), "{reply:?}");
            installed.until(&format!("rotation {rotation} is complete"), || {
                // The bundles change one configuration after the other.
                let told = bundle(installed).is_ok_and(|new| new != old);
                let stored = installed.admin().get(SECRET)?.is_success();
                // Trusted by what the API server trusts now, and another than before.
                let fresh = leaves(installed).is_ok_and(|now| now.iter().zip(&before).all(|(new, old)| new != old));
                Ok((told && stored && fresh).then_some(()))
            })?;
        }
        Ok(())
    })?;
    tally.assert_right();
    assert_eq!(since(&before, &stand.admissions()?), tally.implied(|_| true));
    stand.clean()
}

/// The certificates that the replicas serve, as the API server would be connected to them now.
fn leaves(installed: &Installed) -> Result<Vec<Vec<u8>>> {
    let tls = trusting(installed)?;
    let running = installed.replicas().iter().filter(|replica| replica.runs());
    running.map(|replica| runtime()?.block_on(served(&tls, replica.ports().0))).collect()
}
