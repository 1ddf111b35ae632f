//! The commands of docs/operating.md do what they say, in their order, on a real cluster.

use std::error::Error;
use std::path::Path;

use netintent_tests::{ControlPlane, Helm, Options};

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
    let words: Vec<String> =
        line.split(' ').map(|word| word.replace("manifests/", &format!("{ROOT}/manifests/"))).collect();
    let text = match words.split_first() {
        Some((program, args)) if program == "kubectl" => plane.admin().text(args),
        Some((program, args)) if program == "helm" => Helm::of(plane.admin())?.text(args),
        _ => return Err(format!("no test knows `{line}`").into()),
    };
    Ok(text.map_err(|error| format!("{line}: {error}"))?)
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
        if line == "kubectl label namespace -l netintent.dev/mode netintent.dev/mode-" {
            // Without the modes that they ask for, they would cut whoever they let in.
            assert_eq!(exists(&["networkpolicies", "-n", "shop"])?, "");
        }
        if line == "kubectl label namespace shop netintent.dev/mode=shadow" {
            kubectl.pipe(["apply", "-f", "-"], RENDERED)?;
            assert_eq!(exists(&["namespaces", "-l", "netintent.dev/mode=shadow"])?, "namespace/shop\n");
            let deployment = exists(&["deployment", "-n", "netintent-system", "netintent"])?;
            assert_eq!(deployment, "deployment.apps/netintent\n");
        }
    }
    assert!(count > 7, "{count} commands");
    for kinds in ["customresourcedefinitions", "mutatingwebhookconfigurations,validatingwebhookconfigurations"] {
        assert_eq!(exists(&[kinds])?, "", "nothing is left");
    }
    let left =
        kubectl.text(["get", "-o=name", "clusterroles,clusterrolebindings,namespaces,validatingadmissionpolicies"])?;
    assert!(!left.contains("netintent"), "{left}");
    Ok(())
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
    Ok(())
}
