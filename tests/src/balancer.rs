//! What stands for the Service of the webhook: new connections go to a ready replica, chosen at random.
//!
//! It knows no more than kube-proxy does: readiness is looked at from time to time, so that a replica that has just gone
//! still gets connections for a moment, and a connection that stands is left alone whatever becomes of its replica.

use std::hash::{BuildHasher as _, RandomState};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::Error;

/// How often readiness is looked at, which is also how late a change of it is noticed.
const LAG: Duration = Duration::from_secs(1);

/// A forwarder on a loopback port; it ends on drop, with all its connections.
#[derive(Debug)]
pub struct Balancer {
    port: u16,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    replicas: Vec<Replica>,
    refused: AtomicU64,
}

#[derive(Debug)]
struct Replica {
    /// Where it is called.
    calls: u16,
    /// Where it says whether it is ready.
    observe: u16,
    ready: AtomicBool,
    /// How many connections it was given.
    given: AtomicU64,
}

impl Balancer {
    /// Begins to forward to these replicas, each by the ports where it is called and observed.
    ///
    /// # Errors
    ///
    /// If there is no port or no thread for it.
    pub(crate) fn start(replicas: impl IntoIterator<Item = (u16, u16)>) -> Result<Self, Error> {
        let replica =
            |(calls, observe)| Replica { calls, observe, ready: AtomicBool::new(false), given: AtomicU64::new(0) };
        let replicas = replicas.into_iter().map(replica).collect();
        let shared = Arc::new(Shared { replicas, refused: AtomicU64::new(0) });
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::io("start a runtime"))?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listener = listener.map_err(Error::io("listen on 127.0.0.1"))?;
        let port = listener.local_addr().map_err(Error::io("listen on 127.0.0.1"))?.port();
        let (stop, stopped) = oneshot::channel();
        let forwards = Arc::clone(&shared);
        let work = move || {
            runtime.block_on(async move {
                for at in 0..forwards.replicas.len() {
                    tokio::spawn(follow(Arc::clone(&forwards), at));
                }
                tokio::select! {
                    () = forward(listener, forwards) => {}
                    _ = stopped => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name("balancer".into()).spawn(work);
        let thread = thread.map_err(Error::io("start a thread"))?;
        Ok(Self { port, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Where the API server calls.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Which replicas it takes for ready, in their order.
    pub fn ready(&self) -> Vec<bool> {
        self.shared.replicas.iter().map(|replica| replica.ready.load(Ordering::Relaxed)).collect()
    }

    /// How many connections each replica was given.
    pub fn given(&self) -> Vec<u64> {
        self.shared.replicas.iter().map(|replica| replica.given.load(Ordering::Relaxed)).collect()
    }

    /// How many connections found nobody.
    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It may have ended by itself.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Looks at a replica's readiness as a kubelet does.
async fn follow(shared: Arc<Shared>, at: usize) {
    loop {
        let replica = &shared.replicas[at];
        let ready = timeout(LAG, is_ready(replica.observe)).await.is_ok_and(|ready| ready);
        replica.ready.store(ready, Ordering::Relaxed);
        sleep(LAG).await;
    }
}

async fn is_ready(port: u16) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut start = [0; 12];
        stream.read_exact(&mut start).await?;
        Ok::<_, std::io::Error>(&start == b"HTTP/1.1 200")
    };
    ask.await.unwrap_or(false)
}

async fn forward(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // Out of file descriptors, say: others will end.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let ready: Vec<&Replica> = shared.replicas.iter().filter(|r| r.ready.load(Ordering::Relaxed)).collect();
        // Every state is keyed anew, at random.
        let number = usize::try_from(RandomState::new().hash_one(0) >> 1).unwrap_or_default();
        let Some(chosen) = ready.get(number.checked_rem(ready.len()).unwrap_or_default()) else {
            shared.refused.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        chosen.given.fetch_add(1, Ordering::Relaxed);
        let (calls, counted) = (chosen.calls, Arc::clone(&shared));
        tokio::spawn(async move {
            if pass(client, calls).await.is_err() {
                counted.refused.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
}

/// Passes bytes both ways until both sides have ended; fails where the replica is not there.
async fn pass(mut client: TcpStream, calls: u16) -> std::io::Result<()> {
    let mut replica = TcpStream::connect((Ipv4Addr::LOCALHOST, calls)).await?;
    client.set_nodelay(true)?;
    replica.set_nodelay(true)?;
    // How a connection that stood comes to its end is its two sides' affair.
    let _ = copy_bidirectional(&mut client, &mut replica).await;
    Ok(())
}
