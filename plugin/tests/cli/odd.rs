//! What the API server accepts is accepted, and what it refuses is refused, but for what `differences.tsv` names.
//!
//! `tests/odd/verdicts.tsv` is what a real server said; the end-to-end tests hold it against one again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::run::{Said, root, run};

const FOLDER: &str = "tests/odd";

/// The lines of a table, cut at tabs.
fn table(name: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join(FOLDER).join(name)).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

fn read(file: &str) -> Said {
    run(&["list", "-o", "name", "-f", &format!("{FOLDER}/{file}")])
}

#[test]
fn odd_files_are_taken_as_the_server_takes_them() {
    let mut listed: BTreeMap<String, String> = BTreeMap::new();
    for line in table("differences.tsv") {
        let [file, why] = &line[..] else { panic!("two columns were expected: {line:?}") };
        assert!(why.len() > 20, "{file}: why?");
        assert!(listed.insert(file.clone(), why.clone()).is_none(), "{file} stands twice");
    }
    let mut wrong = String::new();
    let verdicts = table("verdicts.tsv");
    assert!(verdicts.len() > 200, "only {} files", verdicts.len());
    for line in &verdicts {
        let [file, verdict, reason, _] = &line[..] else { panic!("four columns were expected: {line:?}") };
        let said = read(file);
        let ours = match said.status {
            0 => "accepted",
            2 => "refused",
            status => panic!("{file}: exit status {status}"),
        };
        match (ours == verdict, listed.remove(file)) {
            (true, None) | (false, Some(_)) => {}
            (true, Some(_)) => wrong += &format!("{file} is {ours} by both: take it off differences.tsv\n"),
            (false, None) => wrong += &format!("{file} is {verdict} by the server ({reason}): {said:?}\n"),
        }
        if ours == "refused" && (!said.stdout.is_empty() || !said.stderr.starts_with("error")) {
            wrong += &format!("{file} is refused with {said:?}\n");
        }
    }
    let unknown: Vec<&String> = listed.keys().collect();
    assert!(unknown.is_empty(), "in differences.tsv, not in verdicts.tsv: {unknown:?}");
    assert!(wrong.is_empty(), "{wrong}");
}

/// Whatever is refused is refused in any order and in any company, and says which file it is.
#[test]
fn a_refused_file_is_named_among_others() {
    let refused: BTreeSet<String> =
        (table("verdicts.tsv").into_iter().map(|line| line[0].clone())).filter(|file| read(file).status == 2).collect();
    assert!(refused.len() > 50, "only {} files", refused.len());
    for file in &refused {
        let path = format!("{FOLDER}/{file}");
        let said = run(&["list", "-f", "manifests/demo", "-f", &path, "-o", "json"]);
        // A file that is empty is refused alone, and adds nothing to others.
        let empty = read(file).stderr.starts_with("error: no manifest in the input");
        if empty {
            assert_eq!((said.status, said.stderr.as_str()), (0, ""), "{file}");
        } else {
            assert_eq!((said.status, said.stdout.as_str()), (2, ""), "{file}");
            assert!(said.stderr.contains(&format!("--> {path}:")), "{file}: {}", said.stderr);
        }
    }
}
