//! Work on as many threads as there are processors.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{available_parallelism, scope};

/// What `work` makes of each job, in their order. A thread takes `batch` jobs at a time.
pub(super) fn in_parallel<J: Sync, R: Send>(jobs: &[J], batch: usize, work: impl Fn(&J) -> R + Sync) -> Vec<R> {
    let processors = available_parallelism().map_or(1, usize::from);
    let threads = processors.min(jobs.len().div_ceil(batch));
    if threads <= 1 {
        return jobs.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done: Vec<(usize, Vec<R>)> = Vec::new();
        loop {
            let start = next.fetch_add(batch, Ordering::Relaxed);
            let Some(rest) = jobs.get(start..).filter(|rest| !rest.is_empty()) else { return done };
            done.push((start, rest.iter().take(batch).map(&work).collect()));
        }
    };
    let mut batches = scope(|scope| {
        let handles: Vec<_> = (1..threads).map(|_| scope.spawn(take)).collect();
        let mut all = take();
        for handle in handles {
            match handle.join() {
                Ok(done) => all.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    batches.sort_unstable_by_key(|(start, _)| *start);
    let mut all = Vec::with_capacity(jobs.len());
    batches.into_iter().for_each(|(_, results)| all.extend(results));
    all
}

/// Both results, each of its own thread.
pub(super) fn both<R: Send>(first: impl FnOnce() -> R + Send, second: impl FnOnce() -> R) -> [R; 2] {
    scope(|scope| {
        let first = scope.spawn(first);
        let second = second();
        match first.join() {
            Ok(first) => [first, second],
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_jobs() {
        let jobs: Vec<u32> = (0..1000).collect();
        for batch in [1, 7, 1000] {
            assert_eq!(in_parallel(&jobs, batch, |job| job * 2), (0..1000).map(|job| job * 2).collect::<Vec<_>>());
        }
        assert_eq!(in_parallel(&[0_u32; 0], 4, |job| *job), Vec::<u32>::new());
        assert_eq!(both(|| 1, || 2), [1, 2]);
    }
}
