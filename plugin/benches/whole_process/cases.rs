//! What is run, what it is compared with, and how much of that it may take.

use std::error::Error;

use super::clusters::Clusters;
use super::run::Line;

const MIB: u64 = 1 << 20;

/// A command, and its limits.
pub(crate) struct Case {
    /// What the user types, and on which cluster.
    pub(crate) name: String,
    /// The command.
    pub(crate) command: Line,
    /// What it is compared with.
    pub(crate) yardstick: Line,
    /// That, in a word.
    pub(crate) compared_with: &'static str,
    /// How many times the yardstick's time it may take.
    pub(crate) most: Option<f64>,
    /// How many bytes of memory it may take.
    pub(crate) most_memory: Option<u64>,
}

/// All of them, in the order of the report.
pub(crate) fn all(clusters: &Clusters) -> Result<Vec<Case>, Box<dyn Error>> {
    let Clusters { enforced, changed, off, large } = clusters;
    let list = |folder: &str| Line::netintent(&["list", "-o", "json", "-f", folder]);
    let grouped = |folder: &str| Line::netintent(&["list", "--grouped", "-f", folder]);
    let diff = || Line::netintent(&["diff", "-o", "json", "-f", changed, "--base", enforced]);
    let [caller, callee] = some_connection(enforced)?;
    let explain = |folder: &str| Line::netintent(&["explain", &caller, &callee, "-f", folder]);
    let scan = Line::scan(&[enforced])?;
    let case = |name: &str, command: Line, yardstick: &Line, compared_with| Case {
        name: name.to_owned(),
        command,
        yardstick: yardstick.clone(),
        compared_with,
        most: None,
        most_memory: None,
    };
    let mut cases = vec![
        Case { most: Some(3.0), ..case("list -o json", list(enforced), &scan, "scan") },
        Case { most: Some(2.5), ..case("explain", explain(enforced), &scan, "scan") },
        Case { most: Some(3.0), ..case("diff -o json", diff(), &Line::scan(&[enforced, changed])?, "scan of both") },
        case("list --grouped", grouped(enforced), &scan, "scan"),
        Case {
            most_memory: Some(200 * MIB),
            ..case("list -o json, modes off", list(off), &Line::scan(&[off])?, "scan")
        },
        // As fast as: a twentieth more is within what one run differs from the next.
        Case { most: Some(1.05), ..case("list --grouped, modes off", grouped(off), &grouped(enforced), "protected") },
    ];
    if let Some(large) = large {
        let ten = |name, command, small: &Line| Case {
            most: Some(12.0),
            most_memory: Some(512 * MIB),
            ..case(name, command, small, "a tenth of it")
        };
        let [caller, callee] = some_connection(large)?;
        let explained = Line::netintent(&["explain", &caller, &callee, "-f", large]);
        cases.push(ten("list -o json, ten times the size", list(large), &list(enforced)));
        cases.push(ten("explain, ten times the size", explained, &explain(enforced)));
        cases.push(ten("list --grouped, ten times the size", grouped(large), &grouped(enforced)));
    }
    Ok(cases)
}

/// A caller and a callee of the cluster, neither the first nor the last of those that are declared.
fn some_connection(folder: &str) -> Result<[String; 2], Box<dyn Error>> {
    let listed = Line::netintent(&["list", "--declared", "-o", "name", "-f", folder]).output()?;
    let lines: Vec<&str> = listed.lines().collect();
    let (caller, callee) =
        lines.get(lines.len() / 2).and_then(|line| line.split_once(" -> ")).ok_or("no connection")?;
    // A Service and its workload have one name in these clusters: `namespace/kind/name` is asked for as Service.
    let (namespace, name) =
        callee.split_once('/').zip(callee.rsplit_once('/')).map(|(a, b)| (a.0, b.1)).ok_or("no name")?;
    Ok([caller.to_owned(), format!("{namespace}/{name}")])
}
