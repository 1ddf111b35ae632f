//! Reading documents.

use netintent::finding::{Finding, Place};
use netintent::manifest::text::{Document, SyntaxError, documents, parse};
use netintent::manifest::{Decoded, ManifestError, Object, collect, decode};
use netintent::objects::{Objects, Origin};
use netintent::unread::Unread;

use super::Sources;
use super::parallel::in_parallel;
use crate::error::{Error, Result};

/// How many documents a thread takes at a time.
const BATCH: usize = 32;

type Outcome = std::result::Result<Decoded, ManifestError>;

/// What was read.
pub(super) struct Manifests {
    pub(super) objects: Objects,
    /// What was read with reservations.
    pub(super) findings: Vec<Finding>,
    /// Whether it is a cluster as it was.
    pub(super) observed: bool,
}

/// The objects of files over those that there are already, which come first.
pub(super) fn laid_over(mut over: Read, sources: &Sources, under: Vec<Object>) -> Manifests {
    let place = |origin: Origin| sources.place(origin);
    // What replaces an object of the cluster is what is wanted, and nothing to tell.
    let objects = collect(under.into_iter().chain(over.objects), &place, &mut Vec::new());
    over.findings.sort_by_key(|finding| finding.place.as_ref().and_then(Place::origin));
    Manifests { objects, findings: over.findings, observed: false }
}

/// Reads the objects of all files: some, unless there need be none.
pub(super) fn objects(sources: &Sources, namespace: &str, may_be_none: bool) -> Result<Manifests> {
    let Read { objects, mut findings, unread, observed } = decoded(sources, namespace, may_be_none)?;
    findings.sort_by_key(|finding| finding.place.as_ref().and_then(Place::origin));
    let place = |origin: Origin| sources.place(origin);
    let mut objects = collect(objects, &place, &mut findings);
    objects.unread = unread;
    Ok(Manifests { objects, findings, observed })
}

/// The objects of all files, each by itself.
pub(super) struct Read {
    pub(super) objects: Vec<Object>,
    findings: Vec<Finding>,
    pub(super) unread: Vec<Unread>,
    observed: bool,
}

/// Reads the objects of all files, each by itself: some, unless there need be none.
pub(super) fn decoded(sources: &Sources, namespace: &str, may_be_none: bool) -> Result<Read> {
    let mut errors: Vec<ManifestError> = Vec::new();
    let mut jobs: Vec<(u32, Document<'_>)> = Vec::new();
    let files: Vec<&[u8]> = sources.bytes().collect();
    for (file, found) in (0..).zip(in_parallel(&files, 1, |bytes| documents(bytes))) {
        match found {
            Ok(found) => jobs.extend(found.into_iter().map(|document| (file, document))),
            Err(error) => errors.push(in_file(file, error)),
        }
    }
    let mut read =
        Read { objects: Vec::with_capacity(jobs.len()), findings: Vec::new(), unread: Vec::new(), observed: true };
    let mut any = false;
    for outcome in in_parallel(&jobs, BATCH, |job| decode_one(job, namespace)) {
        match outcome {
            Ok(decoded) => {
                any |= decoded.any;
                // A cluster in a file is one as it was, as long as nothing is laid over it.
                read.observed &= !decoded.any || decoded.observed.is_some();
                read.unread.extend(decoded.observed.into_iter().flatten());
                read.objects.extend(decoded.objects);
                read.findings.extend(decoded.findings);
            }
            Err(error) => errors.push(error),
        }
    }
    read.observed &= any;
    if !errors.is_empty() {
        errors.sort_by_key(|e| e.origin);
        return Err(Error::Input(errors.iter().map(|e| sources.report(e)).collect()));
    }
    // A cluster in a file may be one of which nothing could be read.
    if read.objects.is_empty() && !may_be_none && !read.observed {
        let empty = if any { "there are only lists without items" } else { "every file is empty or has only comments" };
        let help = empty.to_owned();
        return Err(Error::with_help("no manifest in the input", help));
    }
    Ok(read)
}

fn decode_one((file, document): &(u32, Document<'_>), namespace: &str) -> Outcome {
    match parse(document).map_err(|error| in_file(*file, error))? {
        Some(node) => decode(&node, *file, namespace).map_err(|error| rendered_first(error, document)),
        None => Ok(Decoded::default()),
    }
}

fn in_file(file: u32, error: SyntaxError) -> ManifestError {
    ManifestError { message: error.message, help: error.help, origin: Origin { file, span: error.span } }
}

/// A Helm template may well be YAML; what is wrong with it is that it was not rendered.
fn rendered_first(mut error: ManifestError, document: &Document<'_>) -> ManifestError {
    if document.text.contains("{{") && error.message.contains("{{") {
        error.help = Some("this looks like a template: render it first (helm template, kustomize build)".to_owned());
    }
    error
}
