//! The yardstick: the least that any program must do that reads manifests.
//!
//! One thread, every byte of every file, from text into YAML events, which are counted and dropped. No tree is built, no
//! field looked at. `saphyr-parser` is the faster of the parsers that can read all the files: `libyaml-safer`, on which
//! netintent's own reader stands, takes a tenth to a third longer for the same, by the allocator.

use std::error::Error;
use std::fs;
use std::io::Write as _;

use saphyr_parser::Parser;

/// The argument that asks for it.
pub(crate) const COMMAND: &str = "scan";

/// Reads the files of the folders and prints how many events are in them.
pub(crate) fn run(folders: &[&str]) -> Result<(), Box<dyn Error>> {
    let mut events = 0_u64;
    for folder in folders {
        for entry in fs::read_dir(folder)? {
            let text = fs::read_to_string(entry?.path())?;
            for event in Parser::new_from_str(&text) {
                event?;
                events += 1;
            }
        }
    }
    writeln!(std::io::stdout(), "{events}")?;
    Ok(())
}
