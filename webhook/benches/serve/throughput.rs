//! How many questions are answered, where the next follows on each answer.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::Result;
use crate::client::{Asker, Http, Target};
use crate::process::Server;

/// How long a round is: short, so that the two of a pair meet the same machine.
const ROUND: Duration = Duration::from_millis(400);
/// How long before it is asked unmeasured.
const WARM: Duration = Duration::from_millis(50);

/// What one round came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// Answers a second.
    pub(crate) rate: f64,
    /// How long the server was on processors for one answer, in microseconds.
    pub(crate) cpu: f64,
}

/// Rounds of the two servers in turns, the webhook's first in each pair.
pub(crate) async fn measure(pair: [(&Server, &Target); 2], http: Http, rounds: usize) -> Result<Vec<[Round; 2]>> {
    let mut all = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let mut both = [None; 2];
        for (at, (server, target)) in pair.into_iter().enumerate() {
            // On new connections: old ones a server may end.
            let (_, askers) = run(target.askers(http).await?, WARM).await?;
            let (before, began) = (server.cpu()?, Instant::now());
            let (count, _) = run(askers, ROUND).await?;
            let (took, cpu) = (began.elapsed(), server.cpu()?.saturating_sub(before));
            let count = f64::from(count);
            both[at] = Some(Round { rate: count / took.as_secs_f64(), cpu: cpu.as_secs_f64() * 1e6 / count });
        }
        if let [Some(ours), Some(admits)] = both {
            all.push([ours, admits]);
        }
    }
    Ok(all)
}

/// Asks for so long; tells how many answers there were, and gives the askers back.
async fn run(askers: Vec<Asker>, long: Duration) -> Result<(u32, Vec<Asker>)> {
    let end = Instant::now() + long;
    let mut tasks = JoinSet::new();
    for mut asker in askers {
        tasks.spawn(async move {
            let mut count = 0_u32;
            while Instant::now() < end {
                asker.ask().await?;
                count += 1;
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((count, asker))
        });
    }
    let (mut count, mut left) = (0, Vec::new());
    while let Some(done) = tasks.join_next().await {
        let (more, asker) = done??;
        count += more;
        left.push(asker);
    }
    Ok((count, left))
}
