//! The client: so many requests open at once, each answered before the next is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::Method;
use netintent_tests::{Reply, User, runtime};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::Result;

/// How many requests are open at once.
pub(crate) const CLIENTS: usize = 8;

/// What it took to create many objects.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    /// From the first request to the last answer.
    pub(crate) whole: Duration,
    /// Of each, in ascending order.
    each: Vec<Duration>,
}

impl Times {
    pub(crate) fn count(&self) -> usize {
        self.each.len()
    }

    /// The longest that it took to create this share of them, in percent.
    pub(crate) fn percentile(&self, share: usize) -> Duration {
        percentile(&self.each, share)
    }
}

/// The value that this share of values in ascending order does not exceed, in percent.
pub(crate) fn percentile(values: &[Duration], share: usize) -> Duration {
    let at = (values.len() * share).div_ceil(100).saturating_sub(1);
    values.get(at).copied().unwrap_or_default()
}

/// Creates them all, and gives the answers in the order of the objects.
pub(crate) fn create<'o>(user: &User, objects: impl IntoIterator<Item = &'o Value>) -> Result<(Times, Vec<Reply>)> {
    // What is sent is made before it is measured.
    let requests: Vec<(String, Vec<u8>)> =
        objects.into_iter().map(|object| (collection(object), object.to_string().into_bytes())).collect();
    let (requests, next) = (Arc::new(requests), Arc::new(AtomicUsize::new(0)));
    let began = Instant::now();
    let answers = runtime()?.block_on(async {
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (user, requests, next) = (user.clone(), Arc::clone(&requests), Arc::clone(&next));
            clients.spawn(async move {
                let mut answers = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some((path, body)) = requests.get(number) else { return Ok(answers) };
                    let sent = Instant::now();
                    let reply = user.ask(&Method::POST, path, "application/json", body.clone()).await?;
                    answers.push((number, sent.elapsed(), reply));
                }
            });
        }
        let all: std::result::Result<Vec<_>, netintent_tests::Error> = clients.join_all().await.into_iter().collect();
        all
    })?;
    let whole = began.elapsed();
    let mut answers: Vec<_> = answers.into_iter().flatten().collect();
    answers.sort_by_key(|(number, ..)| *number);
    let mut each: Vec<Duration> = answers.iter().map(|(_, took, _)| *took).collect();
    each.sort_unstable();
    Ok((Times { whole, each }, answers.into_iter().map(|(.., reply)| reply).collect()))
}

/// The same for what must all be created.
pub(crate) fn create_all<'o>(user: &User, objects: impl IntoIterator<Item = &'o Value>) -> Result<(Times, Vec<Reply>)> {
    let (times, replies) = create(user, objects)?;
    match replies.iter().find(|reply| !reply.is_success()) {
        Some(reply) => Err(format!("not created: {}", reply.body).into()),
        None => Ok((times, replies)),
    }
}

/// Where objects of its kind are.
pub(crate) fn collection(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let version = text(&object["apiVersion"]);
    let root = if version.contains('/') { "apis" } else { "api" };
    let plural = format!("{}s", text(&object["kind"]).to_ascii_lowercase());
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("/{root}/{version}/namespaces/{namespace}/{plural}"),
        None => format!("/{root}/{version}/{plural}"),
    }
}
