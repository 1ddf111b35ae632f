//! A connection that says nothing for too long ends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A stream that fails once its client has been silent: for a short time before its first word, for a longer one
/// afterwards. Clients of HTTP/2 answer pings meanwhile.
#[derive(Debug)]
pub(super) struct Patient<S> {
    stream: S,
    idle: Duration,
    end: Pin<Box<Sleep>>,
}

impl<S> Patient<S> {
    /// Waits `first` for the first bytes, and `idle` for any after them.
    pub(super) fn new(stream: S, first: Duration, idle: Duration) -> Self {
        Self { stream, idle, end: Box::pin(sleep(first)) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Poll::Ready(read) = Pin::new(&mut this.stream).poll_read(cx, buffer) {
            this.end.as_mut().reset(Instant::now() + this.idle);
            return Poll::Ready(read);
        }
        match this.end.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_left_and_who_speaks_is_heard() {
        let (mut client, server) = duplex(64);
        let mut patient = Patient::new(server, Duration::from_secs(5), Duration::from_mins(2));
        let mut bytes = [0; 1];
        client.write_all(b"a").await.unwrap();
        assert_eq!(patient.read(&mut bytes).await.unwrap(), 1);
        // Beyond the first patience, within the second.
        let late = async {
            sleep(Duration::from_mins(1)).await;
            client.write_all(b"b").await.unwrap();
        };
        let (read, ()) = tokio::join!(patient.read(&mut bytes), late);
        assert_eq!(read.unwrap(), 1);
        let error = patient.read(&mut bytes).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let (_client, server) = duplex(64);
        let mut patient = Patient::new(server, Duration::from_secs(5), Duration::from_mins(2));
        let began = Instant::now();
        assert!(patient.read(&mut bytes).await.is_err() && began.elapsed() < Duration::from_secs(6));
    }
}
