//! What libFuzzer found worth keeping, and what once was a finding, as an ordinary test.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use netintent_fuzz::{Check, TARGETS};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn names(folder: &Path) -> io::Result<BTreeSet<String>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// Tries every file of a corpus; returns those in which something does not hold.
fn tried(name: &str, check: Check) -> io::Result<Vec<String>> {
    let folder = folder("corpus").join(name);
    let mut wrong = Vec::new();
    let files = names(&folder)?;
    assert!(files.len() >= 10, "corpus/{name} has next to nothing in it");
    for file in files {
        let data = fs::read(folder.join(&file))?;
        if catch_unwind(|| check(&data)).is_err() {
            wrong.push(format!("corpus/{name}/{file}"));
        }
    }
    Ok(wrong)
}

#[test]
fn nothing_is_found_in_the_corpora() -> io::Result<()> {
    let mut wrong = Vec::new();
    for (name, check) in TARGETS {
        wrong.extend(tried(name, check)?);
    }
    assert!(wrong.is_empty(), "findings: {wrong:#?}");
    Ok(())
}

#[test]
fn every_target_has_its_corpus_and_its_program() -> io::Result<()> {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&folder("corpus"))?, targets);
    let programs: BTreeSet<String> = targets.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(names(&folder("fuzz_targets"))?, programs);
    for name in &targets {
        let program = fs::read_to_string(folder("fuzz_targets").join(format!("{name}.rs")))?;
        assert!(program.contains(&format!("netintent_fuzz::{name}::check(data)")), "{program}");
    }
    Ok(())
}
