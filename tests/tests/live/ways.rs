//! The ways to an API server that a kubeconfig and flags may name: whatever kubectl takes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use netintent_tests::{Installed, Kubectl, plugin_binary};
use serde_json::{Value, json};

use crate::Result;
use crate::plugin::{Said, netintent, shared, until_said, workload};

/// A kubeconfig of a user, in the scratch folder of the administrator's kubectl.
struct Way {
    installed: &'static Installed,
    kubectl: Kubectl,
    config: Value,
}

impl Way {
    fn to(installed: &'static Installed, user: &Value) -> Result<Self> {
        let plane = installed.plane();
        let authority = base64(plane.authority().pem().as_bytes());
        let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "one",
            "clusters": [{"name": "here", "cluster": {"server": plane.url(), "certificate-authority-data": authority}}],
            "users": [{"name": "user", "user": user}],
            "contexts": [{"name": "one", "context": {"cluster": "here", "user": "user"}}]});
        Ok(Self { installed, kubectl: installed.admin().kubectl().with_plugin(&plugin_binary()?)?, config })
    }

    /// The kubeconfig as a file.
    fn path(&self) -> Result<String> {
        let name = format!("way-{}", thread::current().name().unwrap_or_default().replace("::", "-"));
        Ok(self.kubectl.scratch().file(&name, self.config.to_string())?.display().to_string())
    }

    /// What the plugin says by it, with these variables of the environment.
    fn says(&self, args: &[&str], env: &[(&str, &str)]) -> Result<Said> {
        let path = self.path()?;
        let mut command = self.kubectl.command(["netintent"].iter().chain(args));
        for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"] {
            command.env_remove(name);
        }
        let output: Output = command.env("KUBECONFIG", path).envs(env.iter().copied()).output()?;
        Ok(Said::of(&output))
    }

    /// That it leads to the answer which the administrator gets.
    fn leads(&self, env: &[(&str, &str)]) -> Result {
        let list = ["list", "-n", "ways", "--self", "-o", "json"];
        let wanted = netintent(self.installed.admin().kubectl(), &list)?;
        let said = self.says(&list, env)?;
        assert!(said.status == Some(0) && said.out == wanted.out, "{said:?}\n{wanted:?}");
        Ok(())
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The installation, with something to list; and the certificate and key of its administrator, as a kubeconfig has them.
fn begin() -> Result<(&'static Installed, Value)> {
    static READY: std::sync::OnceLock<std::result::Result<(), String>> = std::sync::OnceLock::new();
    let installed = shared()?;
    let kubectl = installed.admin().kubectl();
    let ready = READY.get_or_init(|| {
        let make = || -> Result {
            installed.namespace("ways", "off")?;
            kubectl.pipe(["apply", "-f", "-"], &workload("ways", "web", ""))?;
            kubectl.pipe(["apply", "-f", "-"], &workload("ways", "api", ""))?;
            until_said(installed, kubectl, &["list", "-n", "ways", "--self"], |said| said.status == Some(0))?;
            Ok(())
        };
        make().map_err(|error| error.to_string())
    });
    ready.clone()?;
    let raw = kubectl.text(["config", "view", "--raw", "--flatten", "-o", "json"])?;
    let user = serde_json::from_str::<Value>(&raw)?["users"][0]["user"].take();
    Ok((installed, user))
}

#[test]
fn a_context_names_cluster_user_and_namespace() -> Result {
    let (installed, admin) = begin()?;
    let mut way = Way::to(installed, &admin)?;
    way.leads(&[])?;
    let other = json!({"name": "two", "context": {"cluster": "here", "user": "nobody", "namespace": "ways"}});
    way.config["contexts"].as_array_mut().ok_or("no list")?.push(other);
    let nobody = way.says(&["--context=two", "explain", "web", "api:rpc"], &[])?;
    assert!(nobody.status == Some(2) && nobody.out.is_empty(), "{nobody:?}");
    let said = way.says(&["explain", "web", "api:rpc", "--context=two", "--user=user"], &[])?;
    assert!(said.status == Some(0) && said.out.contains("ways/api"), "{said:?}");
    let said = way.says(&["explain", "web", "api:rpc", "--context=three"], &[])?;
    assert!(said.status == Some(2) && said.err.contains("it has no context `three`"), "{said:?}");
    // As nobody the API server would answer too.
    let said = way.says(&["list", "-n", "ways", "--user=someone"], &[])?;
    assert!(said.status == Some(2) && said.err.contains("it has no user `someone`"), "{said:?}");
    let said = way.says(&["list", "-n", "ways", "-s", "127.0.0.1:1"], &[])?;
    assert!(said.status == Some(2) && said.err.contains("`127.0.0.1:1` is no address of a server"), "{said:?}");
    // Of several files those that are not there are as empty ones.
    let several = format!("/none/at/all:{}::", way.path()?);
    way.leads(&[("KUBECONFIG", &several)])?;
    let said = way.says(&["list", "-n", "ways"], &[("KUBECONFIG", "/none/at/all")])?;
    assert!(said.status == Some(2) && said.err.contains("no cluster is configured"), "{said:?}");
    Ok(())
}

/// Whoever may act as somebody sees what they see, by their groups too.
#[test]
fn as_somebody_else() -> Result {
    let (installed, admin) = begin()?;
    let way = Way::to(installed, &admin)?;
    let list = ["list", "-n", "ways", "--self"];
    let nothing = way.says(&[&list[..], &["--as=ann"]].concat(), &[])?;
    assert!(nothing.status == Some(2) && nothing.err.contains("ann"), "{nothing:?}");
    let group = way.says(&[&list[..], &["--as=ann", "--as-group=system:masters", "-o", "json"]].concat(), &[])?;
    assert_eq!(group.status, Some(0), "{group:?}");
    // Whoever may not is told that, and not that there is nothing.
    let ann = installed.plane().user("ann", "nobodies")?;
    for args in [&["list", "-n", "ways"][..], &["explain", "ways/web", "ways/api:rpc"], &["status"], &["recover"]] {
        let said = netintent(ann.kubectl(), &[args, &["--as=admin"]].concat())?;
        assert!(said.status == Some(2) && said.out.is_empty(), "{said:?}");
        assert!(said.err.contains("not permitted") && said.err.contains("cannot impersonate"), "{said:?}");
    }
    Ok(())
}

/// A program gives credentials; or says why it does not.
#[test]
fn credentials_of_a_program() -> Result {
    let (installed, admin) = begin()?;
    let text = |key: &str| -> Result<String> {
        use base64::Engine as _;
        let data = admin[key].as_str().ok_or_else(|| format!("no {key}"))?;
        Ok(String::from_utf8(base64::engine::general_purpose::STANDARD.decode(data)?)?)
    };
    let credential = json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
        "status": {"clientCertificateData": text("client-certificate-data")?, "clientKeyData": text("client-key-data")?}});
    let kubectl = installed.admin().kubectl();
    let file = kubectl.scratch().file("credential.json", credential.to_string())?.display().to_string();
    let exec = |command: &str, args: &[&str]| {
        json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": command, "args": args,
            "interactiveMode": "Never", "installHint": "get it from your administrator"}})
    };
    Way::to(installed, &exec("cat", &[&file]))?.leads(&[])?;
    for (command, args) in [("sh", &["-c", "echo no session >&2; exit 1"][..]), ("netintent-no-such-program", &[])] {
        let said = Way::to(installed, &exec(command, args))?.says(&["list", "-n", "ways"], &[])?;
        assert!(said.status == Some(2) && said.out.is_empty(), "{said:?}");
        assert!(
            said.err.contains("the credentials can't be had") && said.err.contains("kubectl auth whoami"),
            "{said:?}"
        );
    }
    Ok(())
}

/// Tokens: in the kubeconfig, in a file, in a flag, and as a provider of OIDC has left it.
#[test]
fn tokens() -> Result {
    let (installed, admin) = begin()?;
    let kubectl = installed.admin().kubectl();
    kubectl.text(["create", "serviceaccount", "-n", "ways", "robot"])?;
    let binding =
        ["create", "clusterrolebinding", "robot", "--clusterrole=cluster-admin", "--serviceaccount=ways:robot"];
    kubectl.text(binding)?;
    let token = kubectl.text(["create", "token", "-n", "ways", "robot"])?.trim().to_owned();
    let file = kubectl.scratch().file("token", &token)?.display().to_string();
    let oidc = json!({"auth-provider": {"name": "oidc", "config": {"client-id": "a", "id-token": token,
        "idp-issuer-url": "https://issuer.invalid"}}});
    for user in [json!({"token": token}), json!({"tokenFile": file}), oidc] {
        Way::to(installed, &user)?.leads(&[])?;
    }
    let said = Way::to(installed, &admin)?.says(&["list", "-n", "ways", "--token", "none"], &[])?;
    assert!(said.status == Some(2) && said.err.contains("does not accept the credentials"), "{said:?}");
    Ok(())
}

/// The address is one that only the proxy leads to. Of the environment's proxies those for servers near by are none.
#[test]
fn through_a_proxy() -> Result {
    let (installed, admin) = begin()?;
    let port = installed.plane().url().rsplit(':').next().and_then(|port| port.trim_matches('/').parse().ok());
    let (proxy, count) = proxy(port.ok_or("no port")?)?;
    let mut way = Way::to(installed, &admin)?;
    let far = "https://api.example.invalid:6443";
    way.config["clusters"][0]["cluster"]["server"] = far.into();
    way.config["clusters"][0]["cluster"]["tls-server-name"] = "127.0.0.1".into();
    for variable in ["HTTPS_PROXY", "https_proxy"] {
        way.leads(&[(variable, &proxy)])?;
    }
    let mut passed = count.load(Ordering::Relaxed);
    assert!(passed >= 2);
    // Two of which kubectl does not ask the proxy either.
    for env in
        [[("HTTP_PROXY", proxy.as_str()), ("NO_PROXY", "")], [("HTTPS_PROXY", &proxy), ("NO_PROXY", "*.invalid")]]
    {
        let said = way.says(&["list", "-n", "ways"], &env)?;
        assert!(said.status == Some(2) && said.err.contains("api.example.invalid"), "{said:?}");
    }
    let odd = way.says(&["list", "-n", "ways"], &[("HTTPS_PROXY", &proxy), ("NO_PROXY", "a,,b")])?;
    assert!(odd.status == Some(2) && odd.err.contains("NO_PROXY can't be used"), "{odd:?}");
    assert_eq!(count.load(Ordering::Relaxed), passed);
    // What the kubeconfig names holds whatever the environment says.
    way.config["clusters"][0]["cluster"]["proxy-url"] = proxy.clone().into();
    way.leads(&[("NO_PROXY", "*"), ("HTTPS_PROXY", "http://127.0.0.1:1")])?;
    assert!(count.load(Ordering::Relaxed) > passed);
    passed = count.load(Ordering::Relaxed);
    // A server on this machine is asked without the environment's.
    let near = &mut way.config["clusters"][0]["cluster"];
    *near =
        json!({"server": installed.plane().url(), "certificate-authority-data": near["certificate-authority-data"]});
    way.leads(&[("HTTPS_PROXY", &proxy)])?;
    assert_eq!(count.load(Ordering::Relaxed), passed);
    Ok(())
}

/// A proxy that leads everywhere to one port, and counts.
fn proxy(port: u16) -> Result<(String, Arc<AtomicUsize>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    let count = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&count);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            counts.fetch_add(1, Ordering::Relaxed);
            // Whoever goes away in the middle is gone.
            thread::spawn(move || pass(client, port).ok());
        }
    });
    Ok((url, count))
}

fn pass(mut client: TcpStream, port: u16) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        assert!(line.starts_with("CONNECT api.example.invalid:6443 ") || line.contains(": "), "{line}");
        line.clear();
    }
    let mut server = TcpStream::connect(("127.0.0.1", port))?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let mut to = server.try_clone()?;
    let up = thread::spawn(move || {
        std::io::copy(&mut reader, &mut to).ok();
        to.shutdown(Shutdown::Write)
    });
    std::io::copy(&mut server, &mut client).ok();
    client.shutdown(Shutdown::Both).ok();
    up.join().map_or(Ok(()), |ended| ended.or(Ok(())))
}
