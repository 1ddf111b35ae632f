//! The program: reads its arguments, watches the cluster and answers the API server.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use kube::Client;
use netintent_webhook::admission::Admission;
use netintent_webhook::cache::Cache;
use netintent_webhook::certificates::{Keeper, Place, Served, follow};
use netintent_webhook::controller::Controller;
use netintent_webhook::live::Live;
use netintent_webhook::metrics::Metrics;
use netintent_webhook::server::{Life, Phase, Server, listen, observed, router};
use netintent_webhook::watch::watch;
use netintent_webhook::watched::Watched;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tracing::{error, info, warn};
use tracing_subscriber::EnvFilter;

/// The system's allocator gives memory back late under many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long what is under way may take at the end.
const DRAIN: Duration = Duration::from_secs(15);

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
    /// Serves tls.crt and tls.key of this folder, and notices their changes without a restart. Otherwise the webhook has an
    /// authority of its own, and sees to it that the API servers trust it.
    #[arg(long, value_name = "FOLDER")]
    certificates: Option<PathBuf>,
    /// The namespace of the webhook: of its Service `netintent`, of the Secret with its own authority, and of the Lease.
    #[arg(long, value_name = "NAMESPACE", env = "POD_NAMESPACE", default_value = "netintent-system")]
    namespace: String,
    /// Another DNS name or IP address for the webhook's own certificate, beside that of its Service.
    #[arg(long, value_name = "NAME", conflicts_with = "certificates", value_parser = name)]
    name: Vec<String>,
    /// Leaves the controller out: nobody then writes NetworkPolicies, or changes the labels of running pods.
    #[arg(long)]
    no_controller: bool,
    /// For how long new connections are still taken once the program is told to end and has said that it is not ready: until
    /// everybody knows.
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    linger: u64,
    /// What is logged.
    #[arg(long, value_name = "LEVEL", env = "NETINTENT_LOG", default_value = "info")]
    log: Level,
    /// Logs lines for people instead of JSON.
    #[arg(long)]
    log_text: bool,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Level {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Level {
    /// What libraries say is said by us as well, where it matters, unless somebody looks closely. The client of the API server
    /// says nothing: it would write out whole answers, Secrets too.
    fn filter(self) -> EnvFilter {
        let level = match self {
            Self::Off => "off",
            Self::Error => "off,netintent_webhook=error",
            Self::Warn => "off,netintent_webhook=warn",
            Self::Info => "off,netintent_webhook=info",
            Self::Debug => "warn,kube_client=off,netintent_webhook=debug",
            Self::Trace => "debug,kube_client=off,netintent_webhook=trace",
        };
        EnvFilter::new(level)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let log = tracing_subscriber::fmt().with_env_filter(arguments.log.filter()).with_writer(std::io::stderr);
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
    let mut told = Told::new().map_err(|error| format!("cannot hear signals: {error}"))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    // kube's own TLS takes the provider of the process.
    let _ = rustls::crypto::CryptoProvider::install_default((*provider).clone());
    let (served, life, metrics) = (Arc::new(Served::default()), Life::default(), Arc::new(Metrics::default()));
    let tls = Some(Arc::new(served.tls(Arc::clone(&provider)).map_err(|error| error.to_string())?));
    // What is wrong with a file is told before a cluster is looked for.
    if let Some(folder) = &arguments.certificates {
        let (served, provider) = (Arc::clone(&served), Arc::clone(&provider));
        follow(folder, served, provider, Arc::clone(&metrics)).map_err(|error| error.to_string())?;
    }
    let client = Client::try_default().await.map_err(|error| format!("cannot reach a cluster: {error}"))?;
    if arguments.certificates.is_none() {
        let mut names = vec![format!("netintent.{}.svc", arguments.namespace)];
        names.extend(arguments.name.iter().cloned());
        let place = Place { namespace: arguments.namespace.clone(), names };
        let keeper = Keeper::new(client.clone(), place, Arc::clone(&served), provider, Arc::clone(&metrics));
        tokio::spawn(keeper.keep());
    }
    let cache = Arc::new(Cache::default());
    for kind in Watched::ALL {
        tokio::spawn(watch(client.clone(), Arc::clone(&cache), Arc::clone(&metrics), kind));
    }
    let controller = (!arguments.no_controller).then(|| {
        let (cache, metrics) = (Arc::clone(&cache), Arc::clone(&metrics));
        let controller = Controller::new(client.clone(), arguments.namespace.clone(), cache, metrics);
        tokio::spawn(Arc::new(controller).run(life.clone()))
    });
    let admission = Arc::new(Admission::new(cache, Arc::clone(&metrics), Live::new(client)));
    let observe = listen(arguments.observe).await?;
    let always = Server { tls: None, life: Life::default(), metrics: Arc::clone(&metrics) };
    let paths = observed(Arc::clone(&admission), Arc::clone(&served), life.clone());
    tokio::spawn(always.serve(observe, paths));
    info!(listen = %arguments.listen, observe = %arguments.observe, version = env!("CARGO_PKG_VERSION"), "started");
    // Who is not trusted yet is not there yet: a refused connection is a clear answer.
    tokio::select! {
        () = served.there() => {}
        () = told.next() => {
            life.enter(Phase::Lingering);
            given_back(controller).await;
            info!("ended before there was a certificate");
            return Ok(());
        }
    }
    let calls = listen(arguments.listen).await?;
    let server = Server { tls, life: life.clone(), metrics: Arc::clone(&metrics) };
    let serving = tokio::spawn(server.serve(calls, router(admission)));
    told.next().await;
    info!(seconds = arguments.linger, "told to end: new connections are still taken");
    life.enter(Phase::Lingering);
    let end = async {
        tokio::time::sleep(Duration::from_secs(arguments.linger)).await;
        life.enter(Phase::Draining);
        if tokio::time::timeout(DRAIN, serving).await.is_err() {
            warn!("connections are cut that took too long");
        }
        given_back(controller).await;
    };
    let result = tokio::select! {
        () = end => Ok(()),
        () = told.next() => Err("told to end once more: ended at once".to_owned()),
    };
    let (answered, undecided) = metrics.totals();
    info!(answered, undecided, "ended");
    result
}

/// A DNS name or an IP address.
fn name(text: &str) -> Result<String, String> {
    let is_name = netintent::names::is_dns_subdomain(text) || text.parse::<std::net::IpAddr>().is_ok();
    if is_name { Ok(text.to_owned()) } else { Err("a DNS name or an IP address was expected".to_owned()) }
}

/// Waits until the controller, which was told to end, has given back its Lease; not for long, since it runs out by itself.
async fn given_back(controller: Option<JoinHandle<()>>) {
    if let Some(controller) = controller {
        let _ = tokio::time::timeout(Duration::from_secs(2), controller).await;
    }
}

/// What tells the program to end.
struct Told {
    term: Signal,
    int: Signal,
}

impl Told {
    fn new() -> std::io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next time.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}
