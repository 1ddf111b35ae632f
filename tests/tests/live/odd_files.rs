//! The tables of odd files say what kubectl and the API server say.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use netintent_tests::odd::{self, Odd};
use netintent_tests::{ControlPlane, Kubectl, Options};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// kubectl waits on the server more than it computes, so a few at once pay.
const AT_ONCE: usize = 4;

/// Asks the server about one file; returns what differs from the table.
fn compare(kubectl: &Kubectl, file: &Odd) -> Option<String> {
    let name = name(file);
    let dry_run = [Path::new("apply"), Path::new("--dry-run=server"), Path::new("-f"), &file.path];
    let output = match kubectl.output(dry_run) {
        Ok(output) => output,
        Err(error) => return Some(error.to_string()),
    };
    let said = [output.stdout, output.stderr].concat();
    let said = words(&String::from_utf8_lossy(&said));
    let verdict = |accepted| if accepted { "accepted" } else { "refused" };
    if output.status.success() != file.accepted {
        let (table, server) = (verdict(file.accepted), verdict(!file.accepted));
        return Some(format!("{name}: the table says {table}, the server {server}: {said}"));
    }
    if !said.contains(&words(&file.reason)) {
        return Some(format!("{name}: no `{}` in the answer: {said}", file.reason));
    }
    None
}

fn name(file: &Odd) -> Cow<'_, str> {
    file.path.file_name().unwrap_or_default().to_string_lossy()
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Asks the server about every file; returns what differs from the table, a line each.
fn differences(table: &[Odd], plane: &ControlPlane) -> Result<String> {
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(file) = table.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let differs = compare(plane.admin(), file);
                    wrong.lock().unwrap_or_else(PoisonError::into_inner).extend(differs);
                }
            });
        }
    });
    Ok(wrong.into_inner()?.join("\n"))
}

#[test]
fn table_is_what_the_server_says() -> Result {
    let wrong = differences(&odd::table()?, ControlPlane::shared()?)?;
    assert!(wrong.is_empty(), "{wrong}");
    Ok(())
}

/// All files with an IP block, whose validation has changed, are asked about again, so that
/// the exceptions are complete.
#[test]
fn exceptions_are_what_an_older_server_says() -> Result {
    let mut files = odd::exceptions()?;
    let excepted: BTreeSet<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
    let ip_block = |file: &Odd| name(file).starts_with("cidr-") || name(file).starts_with("except-");
    files.extend(odd::table()?.into_iter().filter(|file| ip_block(file) && !excepted.contains(&file.path)));
    let options = Options { apiserver: vec![odd::OLDER.into()], ..Options::default() };
    let wrong = differences(&files, &ControlPlane::start_with(&options)?)?;
    assert!(wrong.is_empty(), "{wrong}");
    Ok(())
}

#[test]
fn table_names_every_file_once() -> Result {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(odd::folder())? {
        files.insert(entry?.path());
    }
    files.retain(|file| file.extension().is_none_or(|extension| extension != "tsv"));
    for file in odd::table()? {
        assert!(files.remove(&file.path), "{} is missing or named twice", file.path.display());
    }
    assert!(files.is_empty(), "not in the table: {files:?}");
    Ok(())
}
