//! Where the binaries that tests run come from.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::Error;
use crate::go_module::GoModule;

/// A binary that tests use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// kubectl.
    Kubectl,
    /// kube-apiserver.
    ApiServer,
    /// kube-controller-manager.
    ControllerManager,
    /// etcd.
    Etcd,
    /// helm.
    Helm,
    /// What reads custom resources and expressions of other projects: `tests/tools/foreign`.
    Foreign,
}

impl Tool {
    /// The file name of the binary.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kubectl => "kubectl",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Etcd => "etcd",
            Self::Helm => "helm",
            Self::Foreign => "foreign",
        }
    }

    /// Whether it is part of Kubernetes.
    fn is_of_the_control_plane(self) -> bool {
        !matches!(self, Self::Helm | Self::Foreign)
    }
}

/// Another way to have the control plane.
const ASSETS: &str = ". Or set KUBEBUILDER_ASSETS to a folder with kube-apiserver, etcd and kubectl";

/// The binaries. Those of the control plane are in the folder that `KUBEBUILDER_ASSETS` names, as for kubebuilder's
/// envtest, or else built from a Go module beside this crate when first wanted; the others are always built so.
#[derive(Debug)]
pub struct Tools {
    control_plane: Source,
    others: GoModule,
}

#[derive(Debug)]
enum Source {
    Assets(PathBuf),
    Module(GoModule),
}

impl Tools {
    /// The tools of this test process. Nothing is built until [`path`](Self::path) asks.
    ///
    /// # Errors
    ///
    /// If the Go module cannot be read.
    pub fn get() -> Result<&'static Self, Error> {
        static TOOLS: OnceLock<Tools> = OnceLock::new();
        if let Some(tools) = TOOLS.get() {
            return Ok(tools);
        }
        let found = Self::find()?;
        Ok(TOOLS.get_or_init(|| found))
    }

    fn find() -> Result<Self, Error> {
        let target = target();
        let assets = env::var_os("KUBEBUILDER_ASSETS").filter(|folder| !folder.is_empty());
        let control_plane = match assets {
            Some(folder) => Source::Assets(folder.into()),
            None => Source::Module(GoModule::read(&crate_folder("control-plane"), &target, ASSETS)?),
        };
        Ok(Self { control_plane, others: GoModule::read(&crate_folder("tools"), &target, "")? })
    }

    /// The binary of `tool`, built if need be, and no other.
    ///
    /// # Errors
    ///
    /// If it is neither there nor can be built; the error says what to install.
    pub fn path(&self, tool: Tool) -> Result<PathBuf, Error> {
        match &self.control_plane {
            _ if !tool.is_of_the_control_plane() => self.others.binary(tool.name()),
            Source::Module(module) => module.binary(tool.name()),
            Source::Assets(folder) => {
                let path = folder.join(tool.name());
                if path.exists() { Ok(path) } else { Err(Error::NoAsset { path }) }
            }
        }
    }

    /// The Kubernetes release that is built, such as `v1.36.3`; unknown where
    /// `KUBEBUILDER_ASSETS` is set.
    pub fn version(&self) -> Option<&str> {
        match &self.control_plane {
            Source::Module(module) => module.kubernetes(),
            Source::Assets(_) => None,
        }
    }
}

/// A folder of this crate's sources.
pub(crate) fn crate_folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Cargo's target folder: the one this test runs from, known by the tag that Cargo puts
/// there, or else the workspace's.
pub fn target() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let tagged = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    tagged.map_or_else(|| crate_folder("../target"), Path::to_owned)
}
