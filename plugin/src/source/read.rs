//! Reading documents, on as many threads as there are processors.

use std::sync::atomic::{AtomicUsize, Ordering};

use netintent::manifest::text::{Document, SyntaxError, documents, parse};
use netintent::manifest::{Decoded, ManifestError, collect, decode};
use netintent::objects::{Objects, Origin};
use netintent::snapshot::Warning;

use super::Sources;
use crate::error::{Error, Result};

/// How many documents a thread takes at a time.
const BATCH: usize = 32;

type Outcome = std::result::Result<Decoded, ManifestError>;

/// Reads the objects of all files.
pub(super) fn objects(sources: &Sources, namespace: &str) -> Result<(Objects, Vec<Warning>)> {
    let mut errors: Vec<ManifestError> = Vec::new();
    let mut jobs: Vec<(u32, Document<'_>)> = Vec::new();
    for (file, bytes) in (0..).zip(sources.bytes()) {
        match documents(bytes) {
            Ok(found) => jobs.extend(found.into_iter().map(|document| (file, document))),
            Err(error) => errors.push(in_file(file, error)),
        }
    }
    let mut objects = Vec::with_capacity(jobs.len());
    let mut warnings = Vec::new();
    for outcome in decode_all(&jobs, namespace) {
        match outcome {
            Ok(decoded) => {
                objects.extend(decoded.objects);
                warnings.extend(decoded.warnings);
            }
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        errors.sort_by_key(|e| e.origin);
        return Err(Error::Input(errors.iter().map(|e| sources.report(e)).collect()));
    }
    if objects.is_empty() {
        let help = "every file is empty or has only comments".to_owned();
        return Err(Error::with_help("no manifest in the input", help));
    }
    warnings.sort_by_key(|w| match &w.place {
        Some(netintent::snapshot::Place::Whole(origin)) => Some(*origin),
        Some(netintent::snapshot::Place::Part(text, _)) => text.origin,
        None => None,
    });
    let place = |origin: Origin| sources.place(origin);
    let objects = collect(objects, &place, &mut warnings);
    Ok((objects, warnings))
}

/// The outcome of each job, in order.
fn decode_all(jobs: &[(u32, Document<'_>)], namespace: &str) -> Vec<Outcome> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = processors.min(jobs.len().div_ceil(BATCH)).max(1);
    if threads == 1 {
        return jobs.iter().map(|job| decode_one(job, namespace)).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done: Vec<(usize, Vec<Outcome>)> = Vec::new();
        loop {
            let start = next.fetch_add(BATCH, Ordering::Relaxed);
            let Some(batch) = jobs.get(start..).filter(|rest| !rest.is_empty()) else { return done };
            let batch = &batch[..batch.len().min(BATCH)];
            done.push((start, batch.iter().map(|job| decode_one(job, namespace)).collect()));
        }
    };
    let mut batches: Vec<(usize, Vec<Outcome>)> = std::thread::scope(|scope| {
        let handles: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut all = work();
        for handle in handles {
            match handle.join() {
                Ok(done) => all.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    batches.sort_unstable_by_key(|(start, _)| *start);
    batches.into_iter().flat_map(|(_, outcomes)| outcomes).collect()
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
