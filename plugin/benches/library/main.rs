//! What each stage of the library takes on a synthetic cluster in memory, on one thread, beside a scan of the same text
//! into YAML events.
//!
//! `cargo bench -p kubectl-netintent --bench library`. Where a change of the program's time comes from is read here; the
//! figures that are promised are whole processes': see the other benchmark.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion};
use jiff::Timestamp;
use netintent::diff::diff;
use netintent::explain::{Question, explain};
use netintent::list::{Filter, grouped, list};
use netintent::manifest::text::{Document, Node, documents, parse};
use netintent::manifest::{collect, decode};
use netintent::objects::Objects;
use netintent::resolve::{Home, Role, resolve};
use netintent::snapshot::{Options, Snapshot};
use netintent_synthetic::{File, Shape, synthesize};
use saphyr_parser::Parser;

/// The program's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let files = synthesize(&Shape::default());
    let changed = synthesize(&Shape { change: 0.01, ..Shape::default() });
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4))
        .configure_from_args();
    reading(&mut criterion, &files);
    answering(&mut criterion, &files, &changed);
    criterion.final_summary();
}

fn reading(criterion: &mut Criterion, files: &[File]) {
    let mut group = criterion.benchmark_group("read");
    group.bench_function("scan", |bencher| bencher.iter(|| files.iter().map(events).sum::<usize>()));
    group.bench_function("split and parse", |bencher| bencher.iter(|| black_box(trees(files)).len()));
    let trees = trees(files);
    group.bench_function("decode", |bencher| bencher.iter(|| black_box(objects(&trees)).workloads.len()));
    let objects = objects(&trees);
    group.bench_function("snapshot", |bencher| {
        bencher.iter_batched(|| objects.clone(), |objects| Snapshot::new(objects, &options()), BatchSize::PerIteration);
    });
    group.finish();
}

fn answering(criterion: &mut Criterion, files: &[File], changed: &[File]) {
    let [before, after] = [files, changed].map(|files| Snapshot::new(objects(&trees(files)), &options()));
    let mut group = criterion.benchmark_group("answer");
    let everything = Filter::default();
    group.bench_function("list", |bencher| {
        bencher.iter(|| {
            let mut count = 0_usize;
            let Ok(()) = list(&before, &everything, &mut |connection| {
                count += usize::from(!black_box(connection).ports.is_empty());
                Ok::<(), std::convert::Infallible>(())
            });
            count
        });
    });
    group.bench_function("list grouped", |bencher| bencher.iter(|| grouped(&before, &everything).len()));
    let question = question(&before);
    group.bench_function("explain", |bencher| bencher.iter(|| explain(&before, &question).allowed));
    group.bench_function("diff", |bencher| {
        bencher.iter(|| {
            let mut count = 0_usize;
            let Ok(()) = diff(&before, &after, &mut |difference| {
                count += usize::from(!black_box(difference).before.ports.is_empty());
                Ok::<(), std::convert::Infallible>(())
            });
            count
        });
    });
    group.finish();
}

fn options() -> Options {
    // A moment at which none of the generator's approvals has expired.
    Options::at(Timestamp::UNIX_EPOCH)
}

fn events(file: &File) -> usize {
    Parser::new_from_str(&file.text).filter(|event| event.as_ref().is_ok()).count()
}

/// A document of a file, as tree.
type Tree = (u32, Node);

fn trees(files: &[File]) -> Vec<Tree> {
    let tree = |document: &Document<'_>| parse(document).expect("the generator writes YAML");
    let of_file = |(at, file): (u32, &File)| -> Vec<Tree> {
        let documents = documents(file.text.as_bytes()).expect("the generator writes YAML");
        documents.iter().filter_map(tree).map(|tree| (at, tree)).collect()
    };
    (0..).zip(files).flat_map(of_file).collect()
}

fn objects(trees: &[Tree]) -> Objects {
    let decoded = trees.iter().flat_map(|(file, tree)| {
        decode(tree, *file, "default").expect("the generator writes manifests that the API server takes").objects
    });
    collect(decoded, &|origin| format!("{origin:?}"), &mut Vec::new())
}

/// Whether the first workload that declares something may call what it declares.
fn question(snapshot: &Snapshot) -> Question {
    let home = Home { namespace: "default", only: false };
    let (pod, callee) = (0..)
        .zip(&snapshot.pods)
        .find_map(|(at, pod)| Some((at, *snapshot.services_meant(&pod.intents.first()?.callee).first()?)))
        .expect("some workload declares something");
    let service = &snapshot.objects.services[callee].metadata;
    let named = |name: &str, role| resolve(snapshot, name, role, home).expect("the name is taken from the snapshot");
    let workload = snapshot.workload_of(pod);
    let caller = format!("{}/{}/{}", workload.namespace, workload.kind.to_lowercase(), workload.name);
    Question {
        source: named(&caller, Role::Caller),
        destination: named(&service.full_name(), Role::Callee),
        port: None,
    }
}
