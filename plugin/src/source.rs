//! From paths to a snapshot.

mod files;
mod git;
mod live;
mod over;
mod parallel;
mod places;
mod read;

use std::collections::BTreeSet;

use netintent::finding::Finding;
use netintent::manifest::Object;
use netintent::names::printable;
use netintent::objects::Objects;
use netintent::resolve::{Home, ResolveError, Role, Subject, may_be_unread, resolve};
use netintent::snapshot::{Options, Snapshot, Workload};
use netintent::unread::{Extent, Unread};

use crate::cli::Input;
use crate::error::{Error, Result};
use crate::printer;
pub(crate) use files::{File, MAX_FILE, is_manifest};
pub(crate) use git::author;
use live::What;
pub(crate) use live::nodes;
pub(crate) use over::{Prune, load_over_cluster};
pub(crate) use places::Sources;
use read::Manifests;

/// A snapshot, and the text that it was read from.
pub(crate) struct Loaded {
    pub(crate) snapshot: Snapshot,
    /// What was read with reservations.
    pub(crate) findings: Vec<Finding>,
    pub(crate) sources: Sources,
    /// The namespace of what names none.
    pub(crate) namespace: String,
    /// The namespaces that are shown where nothing else is asked for; all, where there is none.
    shown: Option<BTreeSet<String>>,
    /// What the files were laid over, where they may be laid over it again.
    under: Vec<Object>,
}

/// Standard input can be read once: read again it would be empty, and a whole side of a comparison with it.
fn stdin_once<'a>(paths: impl Iterator<Item = &'a String>) -> Result<()> {
    match paths.filter(|path| *path == "-").count() {
        0 | 1 => Ok(()),
        _ => Err(Error::new("`-` stands twice: standard input can be read only once")),
    }
}

/// Reads the manifests of `-f`, or the cluster; `names` are what is asked about, as typed.
pub(crate) fn load(input: &Input, names: &[&str]) -> Result<Loaded> {
    if input.is_live() {
        return Ok(announced(live::load(input, names, What::default())?, input));
    }
    stdin_once(input.files.iter())?;
    let read = read(files::collect(&input.files)?, input, &options(input), names)?;
    Ok(announced(read, input))
}

/// The same for a check: without a word about what was read with reservations, and with what calls Services.
pub(crate) fn load_for_check(input: &Input) -> Result<Loaded> {
    if input.is_live() {
        return live::load(input, &[], What { exposures: true, ..What::default() });
    }
    stdin_once(input.files.iter())?;
    read(files::collect(&input.files)?, input, &options(input), &[])
}

/// The same for a change of modes: with what calls Services, and where those without selector lead.
pub(crate) fn load_for_mode(input: &Input, names: &[&str]) -> Result<Loaded> {
    if input.is_live() {
        let what = What { exposures: true, endpoints: true, ..What::default() };
        return Ok(announced(live::load(input, names, what)?, input));
    }
    load(input, names)
}

/// The same, and a file besides unless it is among them already.
pub(crate) fn load_with(input: &Input, names: &[&str], also: Option<&str>) -> Result<Loaded> {
    if input.is_live() {
        return load(input, names);
    }
    stdin_once(input.files.iter())?;
    let mut files = files::collect(&input.files)?;
    if let Some(path) = also
        && !files.iter().any(|file| is_same(&file.name, path))
    {
        files.extend(files::collect(&[path.to_owned()])?);
    }
    let read = read(files, input, &options(input), names)?;
    Ok(announced(read, input))
}

/// What would be read at the same moment, were some files different; a file that is not among them comes last. Nothing at
/// all may be left.
pub(crate) fn edited(before: &Loaded, input: &Input, edits: Vec<File>) -> Result<Loaded> {
    let mut files = before.sources.files().to_vec();
    for edit in edits {
        let mut same = files.iter_mut().filter(|file| is_same(&file.name, &edit.name)).peekable();
        if same.peek().is_none() {
            files.push(edit);
        } else {
            same.for_each(|file| file.bytes.clone_from(&edit.bytes));
        }
    }
    let sources = Sources::new(files);
    let (namespace, under) = (before.namespace.clone(), before.under.clone());
    let Manifests { mut objects, findings, observed } = if input.with_cluster {
        read::laid_over(read::decoded(&sources, &namespace, true)?, &sources, under.clone())
    } else {
        read::objects(&sources, &namespace, true)?
    };
    objects.unread.clone_from(&before.snapshot.objects.unread);
    let options = Options { observed, ..before.snapshot.options.clone() };
    let shown = before.shown.clone();
    Ok(Loaded { snapshot: Snapshot::new(objects, &options), findings, sources, namespace, shown, under })
}

/// What admission and the controller will have made of a cluster's objects: as they are, and changed.
pub(crate) fn planned(loaded: &Loaded, change: impl FnOnce(&mut Objects)) -> [Snapshot; 2] {
    let options = Options { observed: false, ..loaded.snapshot.options.clone() };
    let before = loaded.snapshot.objects.clone();
    let mut after = before.clone();
    change(&mut after);
    [Snapshot::new(before, &options), Snapshot::new(after, &options)]
}

/// The same of what was read, where that is a cluster as it was observed: `None` of manifests, which are read so anyway.
pub(crate) fn settled(loaded: &Loaded) -> Option<Snapshot> {
    let options = &loaded.snapshot.options;
    let observed = options.observed.then(|| Options { observed: false, ..options.clone() });
    observed.map(|options| Snapshot::new(loaded.snapshot.objects.clone(), &options))
}

/// Whether two paths lead to one file.
pub(crate) fn is_same(a: &str, b: &str) -> bool {
    a == b || matches!((std::fs::canonicalize(a), std::fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}

/// The namespace of objects in files that name none.
fn namespace(input: &Input) -> &str {
    input.namespace.as_deref().unwrap_or("default")
}

/// Reads both sides of a comparison: the base, and `-f`; `also` is on either side.
pub(crate) fn load_both(
    input: &Input,
    base: &[String],
    revision: Option<&str>,
    also: &[String],
) -> Result<[Loaded; 2]> {
    stdin_once(input.files.iter().chain(base).chain(also))?;
    let shared = files::collect(also)?;
    let with_shared = |mut files: Vec<File>| {
        files.extend(shared.iter().cloned());
        files
    };
    let base = match revision {
        Some(revision) => git::collect(revision, &input.files)?,
        None => files::collect(base)?,
    };
    let after = files::collect(&input.files)?;
    let (base, after) = (with_shared(base), with_shared(after));
    if input.with_cluster {
        let [before, after] = over::load_both_with_cluster(base, after, input)?;
        return Ok([before, announced(after, input)]);
    }
    // One moment for both: an approval that expires meanwhile is no difference.
    let options = options(input);
    // A side reads its documents on all processors, but puts them together on one.
    let [before, after] = parallel::both(|| read(base, input, &options, &[]), || read(after, input, &options, &[]));
    // What there is to warn of in the base is old news.
    Ok([before?, announced(after?, input)])
}

fn options(input: &Input) -> Options {
    Options {
        modes: input.modes.clone(),
        now: jiff::Timestamp::now(),
        pod_cidrs: input.pod_cidrs.clone(),
        observed: input.is_live(),
    }
}

/// Reads files; `names` are what is asked about, where a cluster gives what the files lack.
fn read(files: Vec<File>, input: &Input, options: &Options, names: &[&str]) -> Result<Loaded> {
    if input.with_cluster {
        return over::load_with_cluster(files, input, names);
    }
    let sources = Sources::new(files);
    let Manifests { objects, mut findings, observed } = read::objects(&sources, namespace(input), false)?;
    let mut snapshot = Snapshot::new(objects, &Options { observed, ..options.clone() });
    live::report_unread(&snapshot.objects.unread, input.verbose);
    findings.append(&mut snapshot.findings);
    let namespace = namespace(input).to_owned();
    Ok(Loaded { snapshot, findings, sources, namespace, shown: None, under: Vec::new() })
}

/// What was read, once it was said what there is to say about it.
fn announced(loaded: Loaded, input: &Input) -> Loaded {
    if input.verbose {
        let files = || format!("{} files", loaded.sources.len());
        let from = match (input.is_live(), input.with_cluster) {
            (true, _) => "the cluster".to_owned(),
            (false, true) => format!("{} and the cluster", files()),
            (false, false) => files(),
        };
        report_kinds(&loaded.snapshot.objects, &from);
    }
    report_warnings(&loaded, input.verbose);
    loaded
}

/// Prints the warnings, of many the first ones unless all are asked for.
fn report_warnings(loaded: &Loaded, all: bool) {
    const MOST: usize = 20;
    let warnings: Vec<&Finding> = loaded.findings.iter().filter(|finding| finding.told).collect();
    let shown = if all { warnings.len() } else { MOST };
    warnings.iter().take(shown).for_each(|warning| printer::warning(&loaded.sources.worded(warning)));
    if warnings.len() > shown {
        printer::warning(&format!("and {} more: -v shows all", warnings.len() - shown));
    }
}

fn report_kinds(objects: &Objects, from: &str) {
    printer::note(&format!(
        "read {} workloads and pods, {} Services, {} NetworkPolicies and {} approvals from {from}",
        objects.workloads.len(),
        objects.services.len(),
        objects.policies.len(),
        objects.approvals.len(),
    ));
    for (kind, count) in &objects.skipped {
        printer::note(&format!("passed over: {count} of kind {}", netintent::names::printable(kind)));
    }
}

impl Loaded {
    /// Whether not all that was read is shown where nothing else is asked for.
    pub(crate) fn is_narrowed(&self) -> bool {
        self.shown.is_some()
    }

    /// Whether what is in a namespace is shown where nothing else is asked for.
    pub(crate) fn shows(&self, namespace: &str) -> bool {
        self.shown.as_ref().is_none_or(|shown| shown.contains(namespace))
    }

    /// What a name stands for.
    ///
    /// # Errors
    /// Where it stands for nothing, or for too much; where it may well stand for what could not be read, that is said.
    pub(crate) fn resolve(&self, text: &str, role: Role, home: Home<'_>) -> Result<Subject> {
        let found = resolve(&self.snapshot, text, role, home).map_err(|error| self.unresolved(text, home, error))?;
        match &found {
            Subject::Workload(at, _) if role == Role::Callee => self.check_no_service(text, *at)?,
            _ => {}
        }
        Ok(found)
    }

    /// Insists that a name which was taken for a workload can't be that of a Service: it leads elsewhere, by other ports.
    fn check_no_service(&self, text: &str, workload: usize) -> Result<()> {
        let Workload { namespace, name, kind, .. } = &self.snapshot.workloads[workload];
        let is_bare =
            *text == **name || text.strip_prefix(&**namespace).and_then(|rest| rest.strip_prefix('/')) == Some(name);
        let hides = |unread: &Unread| match &unread.extent {
            _ if unread.kind != "Service" || !unread.group.is_empty() => false,
            Extent::One(of, service) => of == namespace && service == name,
            Extent::AllBut(_) => unread.touches(namespace),
        };
        if !is_bare || !self.snapshot.objects.unread.iter().any(hides) {
            return Ok(());
        }
        let full = format!("{namespace}/{name}");
        let message =
            format!("cannot tell: {full} may be a Service, and not all Services of {namespace} could be read");
        let help = format!("of the pods alone it is {namespace}/{}/{name}", kind.to_ascii_lowercase());
        Err(Error::with_help(message, help))
    }

    /// The same of what else looks for a name.
    pub(crate) fn unresolved(&self, text: &str, home: Home<'_>, error: ResolveError) -> Error {
        if !may_be_unread(&self.snapshot, text, home) {
            return error.into();
        }
        let message = format!("cannot tell: `{}` is not among what could be read", printable(text));
        let help = "not all of the cluster may be read, see the warnings above";
        Error::with_help(message, help.to_owned())
    }
}

/// Where names without a namespace are looked for.
pub(crate) fn home<'l>(input: &Input, loaded: &'l Loaded) -> Home<'l> {
    // As kubectl does, a cluster is asked for what is in the namespace of the context.
    let one = input.namespace.is_some() || input.is_live();
    Home { namespace: &loaded.namespace, only: one && !input.all_namespaces }
}

/// Reading failed before there was any manifest.
fn cannot_read(name: &str, error: &std::io::Error) -> Error {
    let why = match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    Error::new(format!("cannot read {}: {why}", netintent::names::printable(name)))
}
