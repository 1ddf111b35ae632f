//! How the API server reaches the cluster: the network that a node has and a test has not.
//!
//! It asks for the addresses that a Service and pods have, by an HTTP CONNECT, as API servers do that stand outside of the
//! cluster's network; here each leads to a port on this machine. So registrations stay as they were installed.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::{Error, Scratch};

/// Where an address that the API server asks for leads.
type Routes = Arc<Mutex<HashMap<String, u16>>>;

/// A proxy on a socket; it ends on drop, with all its connections.
#[derive(Debug)]
pub struct Tunnel {
    routes: Routes,
    config: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    // It holds the file that the API server reads, and reads again when it is restarted.
    _scratch: Scratch,
}

impl Tunnel {
    /// Begins to pass on; no address leads anywhere yet.
    pub(crate) fn start() -> Result<Self, Error> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::io("start a runtime"))?;
        let scratch = Scratch::new()?;
        let socket = scratch.path().join("tunnel");
        let config = scratch.file("egress.yaml", selector(&socket))?;
        let listener = runtime.block_on(async { UnixListener::bind(&socket) });
        let listener = listener.map_err(Error::path("listen on", &socket))?;
        let routes = Routes::default();
        let (stop, stopped) = oneshot::channel();
        let known = Arc::clone(&routes);
        let work = move || {
            runtime.block_on(async move {
                tokio::select! {
                    () = forward(listener, known) => {}
                    _ = stopped => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name("tunnel".into()).spawn(work);
        let thread = thread.map_err(Error::io("start a thread"))?;
        Ok(Self { routes, config, stop: Some(stop), thread: Some(thread), _scratch: scratch })
    }

    /// What tells the API server of it.
    pub(crate) fn argument(&self) -> String {
        format!("--egress-selector-config-file={}", self.config.display())
    }

    /// Has an address, `IP:PORT`, lead to a port on this machine.
    pub fn lead(&self, address: &str, port: u16) {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner).insert(address.to_owned(), port);
    }
}

impl Drop for Tunnel {
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

/// By TCP the API server would insist on TLS.
fn selector(socket: &Path) -> String {
    format!(
        "apiVersion: apiserver.k8s.io/v1beta1\nkind: EgressSelectorConfiguration\negressSelections:\n\
         - name: cluster\n  connection:\n    proxyProtocol: HTTPConnect\n    \
         transport: {{uds: {{udsName: '{}'}}}}\n",
        socket.display()
    )
}

async fn forward(listener: UnixListener, routes: Routes) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // Out of file descriptors, say: others will end.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let routes = Arc::clone(&routes);
        // Whoever goes away in the middle is gone.
        tokio::spawn(async move { pass(client, &routes).await.ok() });
    }
}

/// Reads the CONNECT, answers it, and passes bytes both ways until both sides have ended.
async fn pass(client: UnixStream, routes: &Routes) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        if client.read_line(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let target = request.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let port = routes.lock().unwrap_or_else(PoisonError::into_inner).get(target).copied();
    let reached = match port {
        Some(port) => TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok(),
        None => None,
    };
    let Some(mut reached) = reached else {
        return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").await;
    };
    reached.set_nodelay(true)?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    copy_bidirectional(&mut client, &mut reached).await?;
    Ok(())
}
