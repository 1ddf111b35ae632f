//! One replica leads; another takes over, at once or when the Lease has run out, and makes good what was missed.

use std::time::{Duration, Instant};

use netintent_tests::{Certificates, Installation, Installed};
use serde_json::json;

use crate::Result;
use crate::cluster::{leader, namespaces, settles, until_labels, wanted};
use crate::objects::{approval, create, delete, deployment, path, revoke, service, set_mode};

/// The replicas that lead, by their own metrics.
pub(crate) fn leading(installed: &Installed) -> Vec<usize> {
    let leads = |text: &String| text.lines().any(|line| line == "netintent_controller_leader 1");
    let replicas = installed.replicas().iter().enumerate();
    replicas.filter(|(_, replica)| replica.observed("/metrics").as_ref().is_some_and(leads)).map(|(at, _)| at).collect()
}

fn one_leads(installed: &Installed) -> Result<usize> {
    let at =
        installed.until("one replica leads", || Ok(if let [at] = leading(installed)[..] { Some(at) } else { None }))?;
    Ok(at)
}

#[test]
fn another_replica_takes_over() -> Result {
    let installed = Installed::start_with(&Installation {
        replicas: 2,
        balanced: true,
        certificates: Certificates::Own,
        ..wanted()
    })?;
    let (shop, bank, admin) = ("shop", "bank", installed.admin());
    namespaces(&installed, &[(shop, "shadow"), (bank, "enforce")])?;
    create(admin, &service(bank, "ledger"))?;
    create(admin, &deployment(shop, "web", "bank/ledger:rpc"))?;
    settles(&installed, "at first", &[shop, bank])?;

    let first = one_leads(&installed)?;
    let holder = leader(&installed)?;
    installed.replicas()[first].kill();
    create(admin, &approval(bank, "web", &["shop/web"], &["ledger:rpc"]))?;
    create(admin, &service(bank, "cards"))?;
    let began = Instant::now();
    settles(&installed, "the leader was killed", &[shop, bank])?;
    until_labels(&installed, shop, "the leader was killed", &["ledger.bank.to.netintent.dev/rpc"])?;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(25), "{took:?}");
    assert_ne!(leader(&installed)?, holder);

    installed.replicas()[first].run()?;
    installed.wait_until_ready()?;
    let second = one_leads(&installed)?;
    assert_ne!(first, second);
    let began = Instant::now();
    installed.replicas()[second].signal("TERM")?;
    installed.until("the other leads", || Ok((leading(&installed) == [first]).then_some(())))?;
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    delete(admin, &format!("{}/cards", path("Service", bank)))?;
    settles(&installed, "the leader has ended", &[shop, bank])
}

#[test]
fn what_was_missed_is_made_good() -> Result {
    let installed = Installed::start_with(&wanted())?;
    let (shop, bank, third, admin) = ("shop", "bank", "third", installed.admin());
    namespaces(&installed, &[(shop, "shadow"), (bank, "enforce"), (third, "shadow")])?;
    for name in ["ledger", "cards"] {
        create(admin, &service(bank, name))?;
    }
    create(admin, &approval(bank, "ledger", &["shop/*", "third/*"], &["ledger:rpc"]))?;
    create(admin, &deployment(shop, "web", "bank/ledger:rpc\nbank/cards:rpc"))?;
    create(admin, &deployment(third, "api", "bank/ledger:rpc"))?;
    settles(&installed, "at first", &[shop, bank, third])?;
    let ledger = "ledger.bank.to.netintent.dev/rpc";
    until_labels(&installed, shop, "at first", &[ledger])?;
    until_labels(&installed, third, "at first", &[ledger])?;

    installed.webhook().kill();
    revoke(admin, bank, "ledger")?;
    create(admin, &approval(bank, "cards", &["shop/web"], &["cards:rpc"]))?;
    set_mode(admin, third, "off")?;
    delete(admin, &format!("{}/ledger", path("Service", bank)))?;
    create(admin, &service(bank, "loans"))?;
    let policies = path("NetworkPolicy", bank);
    let opened = admin.patch(&format!("{policies}/netintent-cards"), "merge", &json!({"spec": {"ingress": [{}]}}))?;
    assert!(opened.is_success(), "{opened:?}");
    installed.webhook().run()?;
    settles(&installed, "after an outage", &[shop, bank, third])?;
    until_labels(&installed, shop, "after an outage", &["cards.bank.to.netintent.dev/rpc"])?;
    until_labels(&installed, third, "after an outage", &[])
}
