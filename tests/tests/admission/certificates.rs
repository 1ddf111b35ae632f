//! A certificate that is replaced is served without a restart, and one that can't be served is not.

use std::fs;

use netintent_tests::{Authority, Identity, Installed};

use crate::Result;
use crate::manifests::{approval, create, path, service, workload};

fn write(installed: &Installed, identity: &Identity) -> Result {
    let folder = installed.webhook().certificates();
    fs::write(folder.join("tls.crt"), &identity.certificate)?;
    fs::write(folder.join("tls.key"), &identity.key)?;
    Ok(())
}

#[test]
fn a_new_certificate_is_served_without_a_restart() -> Result {
    let installed = Installed::start()?;
    for name in ["shop", "bank"] {
        installed.namespace(name, "enforce")?;
    }
    create(installed.admin(), &service("bank", "ledger"))?;
    create(installed.admin(), &approval("bank", "a", &["shop/*"], &["ledger:rpc"]))?;
    let pod = workload("Pod", "shop", "web", "bank/ledger:rpc");
    let pods = format!("{}?dryRun=All", path("Pod", "shop"));
    let admitted = || installed.admin().post(&pods, &pod);
    let names = ["127.0.0.1"];
    installed.until("a pod is admitted", || Ok(admitted()?.is_success().then_some(())))?;
    // Of an authority that the API server does not know: once it is served, nobody trusts it. Connections that stand are
    // kept, so this shows on new ones only.
    write(&installed, &Authority::new()?.server(&names)?)?;
    installed.until("the new certificate is served", || {
        Ok((!installed.webhook().certificate_is_trusted(installed.plane())?).then_some(()))
    })?;
    // What can't be served leaves the last one in place.
    fs::write(installed.webhook().certificates().join("tls.crt"), "no certificate")?;
    installed.until("it is told", || {
        Ok(installed.webhook().tail().contains("the last good certificate is kept").then_some(()))
    })?;
    write(&installed, &installed.plane().authority().server(&names)?)?;
    installed.until("a good certificate is served", || {
        Ok(installed.webhook().certificate_is_trusted(installed.plane())?.then_some(()))
    })?;
    assert!(admitted()?.is_success());
    Ok(())
}
