//! The synthetic clusters that are measured on.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use netintent_synthetic::{Mode, Shape, synthesize};

/// The argument that asks for one of them.
pub(crate) const COMMAND: &str = "generate";

/// The folders of manifests.
pub(crate) struct Clusters {
    /// 1,500 Services, 9,300 intents, 40 namespaces, every one of them in `enforce`.
    pub(crate) enforced: String,
    /// The same with one intent in a hundred changed.
    pub(crate) changed: String,
    /// The same as `enforced`, with every mode `off`.
    pub(crate) off: String,
    /// Ten times `enforced`, where asked for.
    pub(crate) large: Option<String>,
}

impl Clusters {
    /// Writes all of them into `folder`.
    pub(crate) fn write_all(folder: &Path, large: bool) -> Result<Self, Box<dyn Error>> {
        let child = |variant: &str| -> Result<String, Box<dyn Error>> {
            let folder: PathBuf = folder.join(variant);
            let path = folder.to_str().ok_or("the temporary folder's name is not UTF-8")?.to_owned();
            let status = Command::new(std::env::current_exe()?).args([COMMAND, variant, &path]).status()?;
            if status.success() { Ok(path) } else { Err(format!("could not write cluster `{variant}`").into()) }
        };
        Ok(Self {
            enforced: child("enforced")?,
            changed: child("changed")?,
            off: child("off")?,
            large: large.then(|| child("large")).transpose()?,
        })
    }
}

/// Writes one of them.
pub(crate) fn write(variant: &str, folder: &str) -> Result<(), Box<dyn Error>> {
    let bank = Shape::default();
    let shape = match variant {
        "enforced" => bank,
        "changed" => Shape { change: 0.01, ..bank },
        "off" => Shape { mode: Mode::Off, ..bank },
        "large" => Shape { services: 10 * bank.services, intents: 10 * bank.intents, ..bank },
        other => return Err(format!("there is no cluster `{other}`").into()),
    };
    fs::create_dir_all(folder)?;
    for file in synthesize(&shape) {
        fs::write(Path::new(folder).join(file.name), file.text)?;
    }
    Ok(())
}

/// How many bytes of manifests are in a folder.
pub(crate) fn bytes(folder: &str) -> Result<u64, Box<dyn Error>> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        sum += entry?.metadata()?.len();
    }
    Ok(sum)
}
