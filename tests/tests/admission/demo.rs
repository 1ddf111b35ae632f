//! The demo on a real cluster: what the documentation shows is what is answered.

use netintent_tests::Installed;

use crate::Result;

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/demo");
const PAGE: &str = include_str!("../../../docs/webhook.md");

/// The text blocks of the page.
fn blocks() -> impl Iterator<Item = &'static str> {
    PAGE.split("\n```").filter_map(|part| part.strip_prefix("text\n"))
}

#[test]
fn the_demo_is_refused_as_the_documentation_shows() -> Result {
    let installed = Installed::shared()?;
    let kubectl = installed.admin().kubectl();
    kubectl.text(["apply", "-f", &format!("{DEMO}/namespaces.yaml")])?;
    installed.until("the ServiceAccounts are there", || {
        let all = ["shop", "bank", "platform"].iter().all(|name| {
            let account = format!("/api/v1/namespaces/{name}/serviceaccounts/default");
            installed.admin().get(&account).is_ok_and(|reply| reply.is_success())
        });
        Ok(all.then_some(()))
    })?;
    // Approvals first: they need no Service to be there.
    for file in ["approvals", "bank", "platform"] {
        kubectl.text(["apply", "-f", &format!("{DEMO}/{file}.yaml")])?;
    }
    let output = kubectl.output(["apply", "-f", &format!("{DEMO}/shop.yaml")])?;
    let said = String::from_utf8_lossy(&output.stderr);
    // kubectl begins with the path of the file, which the documentation gives as a user would.
    let said = said.replace(DEMO, "manifests/demo");
    assert!(!output.status.success(), "{said}");
    let shown: Vec<&str> = blocks().collect();
    assert!(shown.iter().any(|block| said.contains(block.trim_end())), "{said}\nis not in {shown:#?}");
    Ok(())
}
