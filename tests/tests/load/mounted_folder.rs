//! Certificates that somebody else renews in a mounted folder, as cert-manager and a kubelet do it.

use netintent_tests::{Authority, Certificates, Identity, Installation, Installed, runtime};

use crate::Result;
use crate::stand::{Stand, since, turn};
use netintent_tests::raw::{served, trusting};

/// The names that the API server may know the webhook by.
const NAMES: [&str; 2] = ["127.0.0.1", "netintent.netintent-system.svc"];

/// First by the same authority, then by another one, which the API server is told of before and which it alone trusts
/// after. A bundle that changes makes the API server connect anew, so that it meets each new certificate.
#[test]
fn a_rotation_in_a_mounted_folder_loses_nothing() -> Result {
    let _turn = turn();
    let wanted = Installation { replicas: 2, balanced: true, controllers: false, ..Installation::default() };
    assert_eq!(wanted.certificates, Certificates::Folder);
    let installed = Installed::start_with(&wanted)?;
    let balancer = installed.balancer().ok_or("no balancer")?;
    let stand = Stand::new(&installed, "mounted")?;
    let before = stand.admissions()?;
    let (old, new) = (installed.plane().authority(), Authority::new()?);
    let both = old.pem() + &new.pem();
    let (tally, connections) = stand.load(|progress| {
        let wait = |what: &str, more: usize| {
            let from = progress.answered();
            installed.until(what, || Ok((progress.answered() >= from + more).then_some(())))
        };
        wait("pods are created", 300)?;
        mount(&installed, &old.server(&NAMES)?)?;
        wait("pods are created after the first rotation", 300)?;
        let first: u64 = balancer.given().iter().sum();
        installed.trust(&both)?;
        installed.until("the API server has connected anew", || {
            Ok((balancer.given().iter().sum::<u64>() > first).then_some(()))
        })?;
        mount(&installed, &new.server(&NAMES)?)?;
        wait("pods are created after the second rotation", 300)?;
        let second: u64 = balancer.given().iter().sum();
        installed.trust(&new.pem())?;
        installed.until("the API server has connected anew", || {
            Ok((balancer.given().iter().sum::<u64>() > second).then_some(()))
        })?;
        wait("pods are created by the new authority alone", 300)?;
        Ok(balancer.given())
    })?;
    tally.assert_right();
    assert_eq!(since(&before, &stand.admissions()?), tally.implied(|_| true), "{connections:?}");
    stand.clean()
}

/// Puts a certificate into the folders of all replicas, and waits until it is served.
fn mount(installed: &Installed, identity: &Identity) -> Result {
    let tls = trusting(installed)?;
    let serves = |port| runtime()?.block_on(served(&tls, port));
    for replica in installed.replicas() {
        let (port, _) = replica.ports();
        let before = serves(port)?;
        replica.mount(identity)?;
        installed
            .until("the new certificate is served", || Ok(serves(port).is_ok_and(|now| now != before).then_some(())))?;
    }
    Ok(())
}
