//! The program: reads its arguments, watches the cluster and answers the API server.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use kube::Client;
use netintent_webhook::admission::Admission;
use netintent_webhook::cache::Cache;
use netintent_webhook::certificates;
use netintent_webhook::live::Live;
use netintent_webhook::metrics::Metrics;
use netintent_webhook::server::{listen, observed, router, serve};
use netintent_webhook::watch::watch;
use netintent_webhook::watched::Watched;
use tracing::{error, info};
use tracing_subscriber::EnvFilter;

/// The system's allocator gives memory back late under many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The admission webhook of netintent: gives pods the labels that approvals grant them, and refuses workloads that declare
/// callees which have not approved them.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where the API server calls.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:9443")]
    listen: SocketAddr,
    /// Where /livez, /readyz and /metrics are, without TLS.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:8081")]
    observe: SocketAddr,
    /// The folder with tls.crt and tls.key; a change in it is noticed without a restart.
    #[arg(long, value_name = "FOLDER", default_value = "/certificates")]
    certificates: PathBuf,
    /// What is logged: off, error, warn, info, debug or trace; also by `NETINTENT_LOG`.
    #[arg(long, value_name = "LEVEL")]
    log: Option<String>,
    /// Logs lines for people instead of JSON.
    #[arg(long)]
    log_text: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let level = arguments.log.clone().or_else(|| std::env::var("NETINTENT_LOG").ok());
    let filter = EnvFilter::builder().parse_lossy(level.as_deref().unwrap_or("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let log = log.with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    if arguments.log_text {
        log.init();
    } else {
        log.json().init();
    }
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            error!("{message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), String> {
    let tls = certificates::follow(&arguments.certificates).map_err(|error| error.to_string())?;
    // kube's own TLS takes the provider of the process.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = Client::try_default().await.map_err(|error| format!("cannot reach a cluster: {error}"))?;
    let (cache, metrics) = (Arc::new(Cache::default()), Arc::new(Metrics::default()));
    for kind in Watched::ALL {
        tokio::spawn(watch(client.clone(), Arc::clone(&cache), Arc::clone(&metrics), kind));
    }
    let admission = Arc::new(Admission::new(cache, metrics, Live::new(client)));
    let (calls, observe) = (listen(arguments.listen).await?, listen(arguments.observe).await?);
    info!(listen = %arguments.listen, observe = %arguments.observe, version = env!("CARGO_PKG_VERSION"), "started");
    tokio::spawn(serve(observe, None, observed(Arc::clone(&admission))));
    tokio::select! {
        () = serve(calls, Some(Arc::new(tls)), router(admission)) => {}
        () = ended() => info!("ended"),
    }
    Ok(())
}

/// Waits until the program is told to end.
async fn ended() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}
