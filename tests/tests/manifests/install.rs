//! What the plugin installs is what kustomize makes of the manifests.

use std::{env, fs};

use netintent_tests::Kubectl;

use crate::Result;
use crate::objects::folder;

/// The files that the plugin has in it, and what each is made of.
const FILES: [(&str, &str); 2] =
    [("install/netintent.yaml", "base"), ("install/netintent-cert-manager.yaml", "overlays/cert-manager")];

#[test]
fn the_files_are_what_kustomize_makes() -> Result {
    for (file, of) in FILES {
        let text = Kubectl::alone()?.text(["kustomize".as_ref(), folder().join(of).as_os_str()])?;
        let path = folder().join(file);
        if env::var_os("UPDATE").is_some() {
            fs::write(&path, &text)?;
        }
        let is_same = fs::read_to_string(&path)? == text;
        assert!(is_same, "manifests/{file} is old: UPDATE=1 cargo test -p netintent-tests --test manifests install");
    }
    Ok(())
}
