//! What `install` prints is what kustomize makes, and is there in one file for whoever has no kustomize.

use std::{env, fs};

use netintent_tests::{Installed, Kubectl, Plugin};

use crate::Result;
use crate::objects::{folder, kustomize, read};

/// The files, and what each is made of.
const FILES: [(&str, &str); 2] =
    [("install/netintent.yaml", "base"), ("install/netintent-cert-manager.yaml", "overlays/cert-manager")];

#[test]
fn the_files_are_what_kustomize_makes() -> Result {
    for (file, of) in FILES {
        let (path, text) = (folder().join(file), Kubectl::alone()?.text(["kustomize".as_ref(), folder().join(of).as_os_str()])?);
        if env::var_os("UPDATE").is_some() {
            fs::write(&path, &text)?;
        }
        assert!(fs::read_to_string(&path)? == text, "{file} is old: UPDATE=1 cargo test -p netintent-tests --test manifests");
    }
    Ok(())
}
