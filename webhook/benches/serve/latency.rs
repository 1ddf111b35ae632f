//! How late answers are at a fixed rate, counted from when the question was due: one that waits because those before it
//! took long counts with its wait.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use crate::Result;
use crate::client::{Asker, Http, Target};
use crate::process::Server;

/// Questions a second.
const RATE: u32 = 1_000;
/// How many there are in a round.
const QUESTIONS: u32 = 4_000;
/// How many of them come first and do not count.
const WARM: u32 = 300;

/// What one round came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// Half of the answers came within this.
    pub(crate) p50: Duration,
    /// All but one in a hundred did.
    pub(crate) p99: Duration,
}

/// Rounds of the two servers in turns, the webhook's first in each pair.
pub(crate) async fn measure(pair: [(&Server, &Target); 2], http: Http, rounds: usize) -> Result<Vec<[Round; 2]>> {
    let mut all = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        all.push([run(pair[0].1.askers(http).await?).await?, run(pair[1].1.askers(http).await?).await?]);
    }
    Ok(all)
}

async fn run(askers: Vec<Asker>) -> Result<Round> {
    let (sender, queue) = unbounded_channel();
    let queue = Arc::new(Mutex::new(queue));
    // A timer of the runtime counts in whole milliseconds: too coarse.
    let pace = thread::spawn(move || pace(&sender));
    let mut tasks = JoinSet::new();
    for asker in askers {
        tasks.spawn(answer(asker, Arc::clone(&queue)));
    }
    let mut took = Vec::new();
    while let Some(done) = tasks.join_next().await {
        took.extend(done??);
    }
    pace.join().map_err(|_| "the pace could not be kept")?;
    took.sort_unstable();
    let at = |percent: usize| took.get(took.len() * percent / 100).copied().ok_or("no answers");
    Ok(Round { p50: at(50)?, p99: at(99)? })
}

/// Tells when each question is due, at that very moment.
fn pace(sender: &UnboundedSender<(u32, Instant)>) {
    let began = Instant::now();
    for number in 0..WARM + QUESTIONS {
        let due = began + Duration::from_secs(1) * number / RATE;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if sender.send((number, due)).is_err() {
            return;
        }
    }
}

/// Asks whatever is due; tells how long each took.
async fn answer(mut asker: Asker, queue: Arc<Mutex<UnboundedReceiver<(u32, Instant)>>>) -> Result<Vec<Duration>> {
    let mut took = Vec::new();
    loop {
        let next = queue.lock().await.recv().await;
        let Some((number, due)) = next else { return Ok(took) };
        asker.ask().await?;
        if number >= WARM {
            took.push(due.elapsed());
        }
    }
}
