//! Hears who wants a command to end, so that it can leave things in order.

use std::io;

/// Whoever ends programs: a user by Ctrl-C or by closing the terminal, a machine that shuts down.
pub(super) struct Stop(#[cfg(unix)] Vec<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Stop {
    /// Hears them from now on; it must run where requests do.
    ///
    /// # Errors
    /// Where the system does not let it.
    pub(super) fn hear() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
        // Under `nohup` a lost terminal is to end nothing.
        if !is_ignored(SignalKind::hangup()) {
            kinds.push(SignalKind::hangup());
        }
        Ok(Self(kinds.into_iter().map(signal).collect::<io::Result<_>>()?))
    }

    /// Waits for one of them.
    pub(super) async fn heard(&mut self) {
        one_of(&mut self.0).await;
    }

    /// Waits for Ctrl-C: what ends a terminal or a machine often comes more than once, and nobody is there to decide.
    pub(super) async fn interrupted(&mut self) {
        one_of(&mut self.0[..1]).await;
    }
}

#[cfg(unix)]
async fn one_of(signals: &mut [tokio::signal::unix::Signal]) {
    use std::task::Poll;

    std::future::poll_fn(|context| {
        let is_heard = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if is_heard { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Whether whoever started this program has it ignore a signal. Where the system does not tell, it is taken for heard.
#[cfg(unix)]
fn is_ignored(kind: tokio::signal::unix::SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|text| u64::from_str_radix(text.trim(), 16).ok()).unwrap_or_default();
    mask >> (kind.as_raw_value() - 1) & 1 == 1
}

#[cfg(not(unix))]
impl Stop {
    pub(super) fn hear() -> io::Result<Self> {
        Ok(Self())
    }

    pub(super) async fn heard(&mut self) {
        self.interrupted().await;
    }

    pub(super) async fn interrupted(&mut self) {
        // What can't be heard is as good as never said.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
