//! Where a cluster is, and who asks: as kubectl finds it.

use std::io::ErrorKind;

use kube::Config;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig, KubeconfigError};
use netintent::names::printable;

use super::{failure, proxy};
use crate::cli::Connection;
use crate::error::{Error, Result};

/// What a kubeconfig, the pod that this runs in, and the flags say together.
///
/// # Errors
/// Where no cluster is configured, or the configuration can't be used.
pub(super) async fn config(connection: &Connection) -> Result<Config> {
    let mut proxy = None;
    let mut config = match kubeconfig(connection)? {
        Some(mut kubeconfig) => {
            let options = KubeConfigOptions {
                context: connection.context.clone(),
                cluster: connection.cluster.clone(),
                user: connection.user.clone(),
            };
            check_user(&kubeconfig, &options, connection)?;
            if let Some(cluster) = meant(&mut kubeconfig, &options) {
                proxy = cluster.proxy_url.take().filter(|url| !url.is_empty());
                cluster.server = connection.server.clone().or_else(|| cluster.server.take());
            }
            let loaded = Config::from_custom_kubeconfig(kubeconfig, &options).await;
            loaded.map_err(|error| unusable(&error, connection))?
        }
        None => match (&connection.server, Config::incluster()) {
            (Some(server), _) => Config::new(url(server)?),
            (None, Ok(config)) => config,
            (None, Err(_)) => return Err(nowhere()),
        },
    };
    if config.cluster_url.scheme().is_none() || config.cluster_url.host().is_none() {
        // The client would not live with it.
        url(&config.cluster_url.to_string())?;
    }
    // Not as the client has found it, which looks whether NO_PROXY names the proxy, and not the server.
    config.proxy_url = match proxy {
        Some(url) => Some(proxy::address(&url, "proxy-url of the kubeconfig")?),
        None => proxy::of(&config.cluster_url, |name| std::env::var(name).ok())?,
    };
    let auth = &mut config.auth_info;
    if let Some(token) = &connection.token {
        let text = serde_json::json!({ "token": token });
        *auth = serde_json::from_value::<AuthInfo>(text).map_err(|_| Error::new("--token is no token"))?;
    }
    if let Some(user) = &connection.as_user {
        auth.impersonate = Some(user.clone());
        auth.impersonate_groups = Some(connection.as_groups.clone()).filter(|groups| !groups.is_empty());
        auth.impersonate_uid.clone_from(&connection.as_uid);
        auth.impersonate_user_extra = None;
    }
    Ok(config)
}

/// The kubeconfig; `None` where there is none, as in a pod.
fn kubeconfig(connection: &Connection) -> Result<Option<Kubeconfig>> {
    if let Some(path) = &connection.kubeconfig {
        return Kubeconfig::read_from(path).map(Some).map_err(|error| unusable(&error, connection));
    }
    let read = match std::env::var_os("KUBECONFIG").filter(|paths| !paths.is_empty()) {
        Some(paths) => std::env::split_paths(&paths).filter(|path| !path.as_os_str().is_empty()).try_fold(
            Kubeconfig::default(),
            // One that is not there is as an empty one.
            |all, path| match Kubeconfig::read_from(path) {
                Err(error) if is_missing(&error) => Ok(all),
                read => all.merge(read?),
            },
        ),
        None => Kubeconfig::read(),
    };
    match read {
        Ok(kubeconfig) if kubeconfig.contexts.is_empty() => Ok(None),
        Ok(kubeconfig) => Ok(Some(kubeconfig)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(KubeconfigError::FindPath) => Ok(None),
        Err(error) => Err(unusable(&error, connection)),
    }
}

fn is_missing(error: &KubeconfigError) -> bool {
    matches!(error, KubeconfigError::ReadConfig(error, _) if error.kind() == ErrorKind::NotFound)
}

/// Insists that the user is one: as nobody the API server would answer too, and otherwise.
fn check_user(kubeconfig: &Kubeconfig, options: &KubeConfigOptions, connection: &Connection) -> Result<()> {
    let context = context(kubeconfig, options);
    let user = options.user.as_ref().or_else(|| context.and_then(|context| context.user.as_ref()));
    match user.filter(|user| !user.is_empty()) {
        Some(user) if !kubeconfig.auth_infos.iter().any(|named| named.name == *user) => {
            let help = "kubectl config get-users shows which there are".to_owned();
            let message = format!("{} can't be used: it has no user `{}`", file(connection), printable(user));
            Err(Error::with_help(message, help))
        }
        _ => Ok(()),
    }
}

/// The context that is meant.
fn context<'k>(kubeconfig: &'k Kubeconfig, options: &KubeConfigOptions) -> Option<&'k kube::config::Context> {
    let name = options.context.as_ref().or(kubeconfig.current_context.as_ref());
    kubeconfig.contexts.iter().find(|named| Some(&named.name) == name)?.context.as_ref()
}

/// The cluster that is meant.
fn meant<'k>(kubeconfig: &'k mut Kubeconfig, options: &KubeConfigOptions) -> Option<&'k mut kube::config::Cluster> {
    let of_context = context(kubeconfig, options).map(|context| context.cluster.clone());
    let meant = options.cluster.clone().or(of_context);
    kubeconfig.clusters.iter_mut().find(|named| Some(&named.name) == meant.as_ref())?.cluster.as_mut()
}

fn url(text: &str) -> Result<http::Uri> {
    let url = text.parse::<http::Uri>().ok().filter(|url| url.scheme().is_some() && url.host().is_some());
    url.ok_or_else(|| {
        let help = "write it as https://HOST:PORT".to_owned();
        Error::with_help(format!("`{}` is no address of a server", printable(text)), help)
    })
}

fn nowhere() -> Error {
    let help = "read manifests with -f PATH, or name a cluster: --kubeconfig FILE, or KUBECONFIG";
    Error::with_help("no cluster is configured, and no file is given", help.to_owned())
}

/// The kubeconfig as the user has named it.
fn file(connection: &Connection) -> String {
    connection.kubeconfig.as_deref().map_or_else(|| "the kubeconfig".to_owned(), printable)
}

/// A kubeconfig that can't be used.
fn unusable(error: &KubeconfigError, connection: &Connection) -> Error {
    let help = "kubectl config view shows what kubectl makes of it".to_owned();
    let contexts = "kubectl config get-contexts shows which there are".to_owned();
    let (what, help) = match error {
        KubeconfigError::ParseNoProxy(error) => {
            let help = "write names, addresses and networks with one comma between each two".to_owned();
            return Error::with_help(format!("NO_PROXY can't be used: {}", failure::chain(error)), help);
        }
        KubeconfigError::ParseProxyUrl(_) => {
            // What it is may have a password in it.
            let help = "write it as http://HOST:PORT or socks5://HOST:PORT".to_owned();
            return Error::with_help("HTTPS_PROXY is no address of a proxy", help);
        }
        KubeconfigError::CurrentContextNotSet => {
            ("it names no current context".to_owned(), "choose one with --context".to_owned())
        }
        KubeconfigError::LoadContext(name) => (format!("it has no context `{name}`"), contexts),
        KubeconfigError::LoadClusterOfContext(name) => (format!("it has no cluster `{name}`"), help),
        KubeconfigError::ReadConfig(error, path) => {
            (format!("cannot read {}: {error}", path.display()), "give another file with --kubeconfig".to_owned())
        }
        other => (failure::chain(other), help),
    };
    Error::with_help(format!("{} can't be used: {}", file(connection), printable(&what)), help)
}
