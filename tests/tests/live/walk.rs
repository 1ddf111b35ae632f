//! The way of the README: from a cluster without netintent to a call that is approved, and then is not any more.

use std::path::Path;

use netintent_tests::{Certificates, Error, Installation, Installed, Kubectl, plugin_binary};
use serde_json::Value;

use crate::Result;

const PAGE: &str = include_str!("../../../README.md");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The commands of the block, each with its exit status.
fn commands() -> Result<Vec<(Vec<String>, i32)>> {
    let section = PAGE.split_once("## On a cluster\n").ok_or("no section")?.1;
    let block = section.split_once("```text\n").and_then(|(_, rest)| rest.split_once("```")).ok_or("no block")?.0;
    let lines = block.lines().filter_map(|line| line.strip_prefix("$ kubectl "));
    lines
        .map(|line| {
            let (command, status) = line.split_once(" # ").ok_or(line)?;
            let word = |word: &str| word.trim_matches('\'').replace("manifests/", &format!("{ROOT}/manifests/"));
            Ok((command.split_whitespace().map(word).collect(), status.trim().parse()?))
        })
        .collect()
}

/// Runs a command; nobody waits for pods that no kubelet runs.
fn run(kubectl: &Kubectl, words: &[String]) -> std::result::Result<(Option<i32>, String), Error> {
    let output = kubectl.output(words)?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((output.status.code(), said(&output.stdout) + &said(&output.stderr)))
}

/// The names of pods, and how often their containers were started.
fn pods(installed: &Installed) -> std::result::Result<Vec<String>, Error> {
    let pods = installed.admin().get("/api/v1/namespaces/shop/pods")?.body;
    let items = pods["items"].as_array().into_iter().flatten();
    Ok(items.map(|pod| format!("{} {}", pod["metadata"]["name"], pod["metadata"]["uid"])).collect())
}

/// Whether the pods of the frontend have the label.
fn labelled(installed: &Installed) -> std::result::Result<Vec<bool>, Error> {
    let pods = installed.admin().get("/api/v1/namespaces/shop/pods?labelSelector=app%3Dfrontend")?.body;
    let has = |pod: &Value| pod["metadata"]["labels"]["cards.bank.to.netintent.dev/8443"] == "allowed";
    Ok(pods["items"].as_array().into_iter().flatten().map(has).collect())
}

#[test]
fn the_way_of_the_readme_can_be_gone() -> Result {
    let mut commands = commands()?.into_iter();
    let (mut install, _) = commands.next().ok_or("no command")?;
    assert_eq!(install[..2], ["netintent", "install"]);
    // Here a process is what the Deployment runs, and it is started once its ServiceAccount is there.
    install.push("--wait=false".to_owned());
    let plugin = plugin_binary()?;
    let wanted =
        Installation { replicas: 2, certificates: Certificates::Own, controller: true, ..Installation::default() };
    let installed = Installed::start_by(&wanted, |plane| {
        let (status, said) = run(&plane.admin().with_plugin(Path::new(&plugin))?, &install)?;
        if status == Some(0) { Ok(()) } else { Err(Error::Client { what: said }) }
    })?;
    installed.run_pods()?;
    let kubectl = installed.admin().kubectl().with_plugin(&plugin)?;
    let (mut last, mut seen, mut count) = (String::new(), Vec::new(), 1);
    for (words, expected) in commands {
        let done = installed.until(&format!("{words:?} exits with {expected}"), || {
            let (status, said) = run(&kubectl, &words)?;
            last = format!("{status:?}: {said}");
            // What only asks is asked again: controllers take their time. What acts is done once.
            let asks = ["explain", "status", "get"].iter().any(|verb| words[..2].contains(&(*verb).to_owned()));
            if status == Some(expected) {
                Ok(Some(true))
            } else if asks {
                Ok(None)
            } else {
                Ok(Some(false))
            }
        });
        if !done.map_err(|error| format!("{last}\n{error}"))? {
            return Err(format!("{words:?}: {last}").into());
        }
        count += 1;
        if words[1] == "mode" && words.contains(&"--yes".to_owned()) {
            crate::equal::until_pods_are_there(&installed)?;
            seen = pods(&installed)?;
            assert!(!seen.is_empty() && labelled(&installed)?.iter().all(|has| !has), "{seen:?}");
        }
        if words[0] == "get" {
            assert!(labelled(&installed)?.iter().all(|has| *has), "{last}");
        }
    }
    assert_eq!(count, 17);
    assert!(!labelled(&installed)?.iter().any(|has| *has), "the label is gone");
    assert_eq!(pods(&installed)?, seen, "no pod was started anew");
    Ok(())
}
