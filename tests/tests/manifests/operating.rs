//! The commands of docs/operating.md do what they say, in their order, on a real cluster.

use std::error::Error;
use std::path::Path;

use netintent_tests::{ControlPlane, Helm, Options, plugin_binary};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// A policy as `render` makes them.
const RENDERED: &str = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  namespace: shop\n  name: netintent\n  \
    labels: {app.kubernetes.io/managed-by: netintent}\nspec: {podSelector: {}, policyTypes: [Ingress]}\n";
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The blocks of commands, each a list of lines.
fn blocks() -> Result<Vec<Vec<String>>> {
    let text = std::fs::read_to_string(Path::new(ROOT).join("docs/operating.md"))?;
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```"));
    Ok(blocks.map(|(block, _)| block.lines().map(str::to_owned).collect()).collect())
}

fn plane() -> Result<ControlPlane> {
    // Namespaces go only where controllers are.
    Ok(ControlPlane::start_with(&Options { controllers: true, ..Options::default() })?)
}

/// Runs a line, with the folder of the repository in place of the one that the reader is in.
fn run(plane: &ControlPlane, line: &str) -> Result<String> {
    let kubectl = plane.admin().with_plugin(&plugin_binary()?)?;
    let mut said = String::new();
    for command in line.split(" | ") {
        let words: Vec<String> =
            command.split(' ').map(|word| word.replace("manifests/", &format!("{ROOT}/manifests/"))).collect();
        let text = match words.split_first() {
            // No node runs the replicas that it would wait for.
            Some((program, args)) if program == "kubectl" && command.ends_with(" install --apply") => {
                kubectl.text(args.iter().map(String::as_str).chain(["--wait=false"]))
            }
            Some((program, args)) if program == "kubectl" => kubectl.pipe(args, &said),
            Some((program, args)) if program == "helm" => Helm::of(plane.admin())?.text(args),
            _ => return Err(format!("no test knows `{line}`").into()),
        };
        said = text.map_err(|error| format!("{line}: {error}"))?;
    }
    Ok(said)
}

/// Nothing of netintent's is left.
fn nothing_is_left(plane: &ControlPlane) -> Result {
    let kubectl = plane.admin();
    for kinds in ["customresourcedefinitions", "mutatingwebhookconfigurations,validatingwebhookconfigurations"] {
        assert_eq!(kubectl.text(["get", "--ignore-not-found", "-o=name", kinds])?, "");
    }
    let left =
        kubectl.text(["get", "-o=name", "clusterroles,clusterrolebindings,namespaces,validatingadmissionpolicies"])?;
    assert!(!left.contains("netintent"), "{left}");
    Ok(())
}

#[test]
fn the_way_from_installing_to_leaving_can_be_gone() -> Result {
    let plane = plane()?;
    let kubectl = plane.admin();
    let exists = |what: &[&str]| kubectl.text(["get", "--ignore-not-found", "-o=name"].iter().chain(what));
    let mut count = 0;
    for line in blocks()?.iter().filter(|block| !block.iter().any(|line| line.starts_with("helm "))).flatten() {
        run(&plane, line)?;
        count += 1;
        if line == "kubectl netintent uninstall --apply --yes" {
            nothing_is_left(&plane)?;
            // And from the beginning, for the way by hand.
            run(&plane, "kubectl apply --server-side -k manifests/base")?;
            run(&plane, "kubectl label namespace shop netintent.dev/mode=shadow")?;
            kubectl.pipe(["apply", "-f", "-"], RENDERED)?;
        }
        if line == "kubectl label namespace -l netintent.dev/mode netintent.dev/mode-" {
            // Without the modes that they ask for, they would cut whoever they let in.
            assert_eq!(exists(&["networkpolicies", "-n", "shop"])?, "");
        }
        if line == "kubectl label namespace shop netintent.dev/mode=shadow" {
            assert_eq!(exists(&["namespaces", "-l", "netintent.dev/mode=shadow"])?, "namespace/shop\n");
            let deployment = exists(&["deployment", "-n", "netintent-system", "netintent"])?;
            assert_eq!(deployment, "deployment.apps/netintent\n");
        }
    }
    assert!(count > 14, "{count} commands");
    nothing_is_left(&plane)
}

#[test]
fn helm_does_it_as_well() -> Result {
    let plane = plane()?;
    let mut count = 0;
    for line in blocks()?.iter().filter(|block| block.iter().any(|line| line.starts_with("helm "))).flatten() {
        run(&plane, line)?;
        count += 1;
    }
    assert_eq!(count, 2);
    let deployment = plane.admin().text(["get", "deployment", "-n", "netintent-system", "netintent", "-o=name"])?;
    assert_eq!(deployment, "deployment.apps/netintent\n");

    // What Helm has installed the plugin leaves to Helm, but for what netintent wrote, and then takes the rest.
    let kubectl = plane.admin().with_plugin(&plugin_binary()?)?;
    let said = |args: &[&str]| -> Result<(Option<i32>, String)> {
        let output = kubectl.output(["netintent"].iter().chain(args))?;
        Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
    };
    let (status, text) = said(&["install", "--apply"])?;
    assert!(status == Some(2) && text.contains("installed with Helm, as release netintent"), "{text}");
    plane.admin().text(["label", "namespace", "default", "netintent.dev/mode=enforce"])?;
    let (status, text) = said(&["uninstall", "--apply", "--yes"])?;
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("stays: what Helm installed as release netintent"), "{text}");
    assert!(text.contains("goes once Helm's release is gone: the mode of 1 Namespace: default"), "{text}");
    // Its controller goes by modes as long as it is there: none is in enforce, and all that there are stay.
    let modes = |of: &str| plane.admin().text(["get", "namespaces", "-o=name", &format!("-l=netintent.dev/mode{of}")]);
    assert_eq!((modes("=enforce")?.as_str(), modes("=shadow")?.as_str()), ("", "namespace/default\n"), "{text}");
    run(&plane, "helm uninstall netintent -n netintent-system")?;
    let (status, text) = said(&["uninstall", "--apply", "--yes"])?;
    assert_eq!(status, Some(0), "{text}");
    nothing_is_left(&plane)
}
