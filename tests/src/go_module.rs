//! A Go module that pins programs for the tests: what it names, and how they are built.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Error;

/// How much of the Go client's output an error shows.
const TAIL: usize = 30;

/// A folder such as `tests/control-plane`, read.
#[derive(Debug)]
pub(crate) struct GoModule {
    folder: PathBuf,
    text: String,
    cache: PathBuf,
    instead: &'static str,
}

impl GoModule {
    /// Reads the module in `folder`; its binaries are kept under `target`, in a folder of
    /// their own for each content of the module. `instead` is another way to have them, for errors.
    pub(crate) fn read(folder: &Path, target: &Path, instead: &'static str) -> Result<Self, Error> {
        let read = |file: &Path| fs::read_to_string(file).map_err(Error::path("read", file));
        let text = read(&folder.join("go.mod"))?;
        let mut hasher = DefaultHasher::new();
        (&text, read(&folder.join("go.sum"))?).hash(&mut hasher);
        for source in sources(folder)? {
            (source.strip_prefix(folder).ok(), read(&source)?).hash(&mut hasher);
        }
        let hash = format!("{:016x}", hasher.finish());
        let name = kubernetes_version(&text).map_or_else(|| hash.clone(), |version| format!("{version}-{hash}"));
        let cache = target.join(folder.file_name().unwrap_or_default()).join(name);
        Ok(Self { folder: folder.to_owned(), text, cache, instead })
    }

    /// The release of Kubernetes, such as `v1.36.3`, where the module builds any of it.
    pub(crate) fn kubernetes(&self) -> Option<&str> {
        kubernetes_version(&self.text)
    }

    /// The binary `tool`, built if it is not there yet. Of tests that want it at the same
    /// time one builds and the others wait.
    pub(crate) fn binary(&self, tool: &'static str) -> Result<PathBuf, Error> {
        let binary = self.cache.join(tool);
        if binary.exists() {
            return Ok(binary);
        }
        fs::create_dir_all(&self.cache).map_err(Error::path("make the folder", &self.cache))?;
        let path = self.cache.join("lock");
        let lock = File::create(&path).map_err(Error::path("write", &path))?;
        if lock.try_lock().is_err() {
            progress(format_args!("waiting for {tool}: another test builds"));
            lock.lock().map_err(Error::path("lock", &path))?;
        }
        // Another test may have built it while this one waited. The lock goes with the file.
        if !binary.exists() {
            self.build(tool, &binary)?;
        }
        Ok(binary)
    }

    fn build(&self, tool: &'static str, binary: &Path) -> Result<(), Error> {
        let package = self.package(tool)?;
        let began = Instant::now();
        progress(format_args!("building {tool} for the tests ({package}; minutes the first time)"));
        // Built beside its place and then moved, so that a half-written one is never run.
        let partial = binary.with_extension("partial");
        let mut go = Command::new("go")
            .current_dir(&self.folder)
            .args(["build", "-mod=readonly", "-buildvcs=false", "-ldflags"])
            .arg(linker_flags(self.kubernetes()))
            .arg("-o")
            .args([partial.as_os_str(), package.as_ref()])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| match source.kind() {
                ErrorKind::NotFound => self.no_go(tool, source),
                _ => Error::Io { action: "run go".into(), source },
            })?;
        let output = go.stderr.take().map(|output| relay(BufReader::new(output)));
        let status = go.wait().map_err(Error::io("wait for go"))?;
        if !status.success() {
            return Err(Error::Build {
                package: package.to_owned(),
                folder: self.folder.clone(),
                instead: self.instead,
                output: output.unwrap_or_default(),
            });
        }
        fs::rename(&partial, binary).map_err(Error::path("write", binary))?;
        progress(format_args!("built {tool} in {:.0?}", began.elapsed()));
        Ok(())
    }

    fn no_go(&self, tool: &'static str, source: io::Error) -> Error {
        Error::NoGo { tool, module: self.folder.join("go.mod"), instead: self.instead, source }
    }

    /// The package of `tool`, by go.mod's `tool` directives.
    fn package(&self, tool: &str) -> Result<&str, Error> {
        tool_packages(&self.text).find(|package| binary_name(package) == tool).ok_or_else(|| Error::Module {
            file: self.folder.join("go.mod"),
            what: format!("has no tool directive for {tool}"),
        })
    }
}

/// The Go files of the module itself, in order: in the folders beside its go.mod.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = |folder: &Path| -> Result<Vec<PathBuf>, Error> {
        let found = fs::read_dir(folder).map_err(Error::path("read", folder))?;
        found.map(|entry| Ok(entry.map_err(Error::path("read", folder))?.path())).collect()
    };
    let mut found = Vec::new();
    for package in entries(folder)?.iter().filter(|path| path.is_dir()) {
        found.extend(entries(package)?.into_iter().filter(|path| path.extension().is_some_and(|e| e == "go")));
    }
    found.sort();
    Ok(found)
}

/// The version of k8s.io/kubernetes that a go.mod requires.
fn kubernetes_version(text: &str) -> Option<&str> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word == "require");
        (words.next() == Some("k8s.io/kubernetes")).then(|| words.next()).flatten()
    })
}

/// The packages of a go.mod's `tool` directives, one on a line or in a block.
fn tool_packages(text: &str) -> impl Iterator<Item = &str> {
    let mut within = false;
    text.lines().filter_map(move |line| {
        let line = line.split("//").next().unwrap_or_default().trim();
        match line.strip_prefix("tool ").map(str::trim) {
            Some("(") => within = true,
            Some(package) => return Some(package),
            None if line == ")" => within = false,
            None if within && !line.is_empty() => return Some(line),
            None => {}
        }
        None
    })
}

/// What a package's binary is called: its last segment, except for etcd, whose command
/// is a module of its own.
fn binary_name(package: &str) -> &str {
    if package.starts_with("go.etcd.io/etcd/server/") {
        return "etcd";
    }
    package.rsplit('/').next().unwrap_or(package)
}

/// Makes the binaries of Kubernetes tell their version, as released ones do; without it kubectl and the
/// API server take themselves for v0.0.0.
fn linker_flags(kubernetes: Option<&str>) -> String {
    let Some(version) = kubernetes else { return "-s -w".into() };
    let package = "k8s.io/component-base/version";
    let mut numbers = version.trim_start_matches('v').split('.');
    let major = numbers.next().unwrap_or_default();
    let minor = numbers.next().unwrap_or_default();
    format!(
        "-s -w -X {package}.gitVersion={version} -X {package}.gitMajor={major} \
         -X {package}.gitMinor={minor}"
    )
}

/// Shows the Go client's lines as they come, and returns the last of them.
fn relay(output: impl BufRead) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in output.lines().map_while(Result::ok) {
        progress(format_args!("{line}"));
        lines.push(line);
    }
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

/// Writes a line to stderr, past the capture of the test runner: a build of minutes must
/// not look like a test that hangs.
fn progress(line: std::fmt::Arguments<'_>) {
    // If stderr is closed, there is nobody to tell.
    let _ = writeln!(io::stderr(), "netintent-tests: {line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const GO_MOD: &str = "module m\n\nrequire (\n\tk8s.io/kubectl v0.0.0 // indirect\n\
        \tk8s.io/kubernetes v1.36.3 // indirect\n)\n\ntool (\n\tgo.etcd.io/etcd/server/v3\n\
        \tk8s.io/kubernetes/cmd/kubectl // a comment\n)\n\ntool example.com/one\n";

    #[test]
    fn version_is_that_of_kubernetes_itself() {
        assert_eq!(kubernetes_version(GO_MOD), Some("v1.36.3"));
        assert_eq!(kubernetes_version("require k8s.io/kubernetes v1.33.0"), Some("v1.33.0"));
        assert_eq!(kubernetes_version("module m"), None);
    }

    #[test]
    fn tools_are_those_of_the_directives() {
        let packages: Vec<&str> = tool_packages(GO_MOD).collect();
        let names: Vec<&str> = packages.iter().map(|package| binary_name(package)).collect();
        assert_eq!(names, ["etcd", "kubectl", "one"]);
    }

    #[test]
    fn binaries_are_told_their_version() {
        let flags = linker_flags(Some("v1.36.3"));
        assert!(flags.contains("gitVersion=v1.36.3"), "{flags}");
        assert!(flags.contains("gitMajor=1 ") && flags.ends_with("gitMinor=36"), "{flags}");
        assert_eq!(linker_flags(None), "-s -w");
    }
}
