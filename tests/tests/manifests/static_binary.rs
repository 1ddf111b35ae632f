//! The program that goes into the image runs where there is nothing else: no file, no other program, no name for its user.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use netintent_tests::{ControlPlane, Scratch, Server, free_ports, http_get};
use serde_json::json;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// How long anything may take to come true.
const PATIENCE: Duration = Duration::from_mins(2);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The command of the Dockerfile that builds, as its shell gets it.
fn build_command() -> Result<String> {
    let text = fs::read_to_string(root().join("webhook/Dockerfile"))?.replace("\\\n", "");
    let mut commands = text.lines().filter_map(|line| line.strip_prefix("RUN "));
    Ok(commands.find(|command| command.contains("cargo build")).ok_or("the Dockerfile builds nothing")?.to_owned())
}

/// The program, built as the image builds it but for optimization.
fn build() -> Result<PathBuf> {
    let (architecture, target) = match std::env::consts::ARCH {
        "x86_64" => ("amd64", "x86_64-unknown-linux-gnu"),
        "aarch64" => ("arm64", "aarch64-unknown-linux-gnu"),
        other => return Err(format!("the Dockerfile has no target for {other}").into()),
    };
    let folder = netintent_tests::target();
    let output = Command::new("sh")
        .args(["-euc", &build_command()?])
        .current_dir(root())
        .env("TARGETARCH", architecture)
        .env("CARGO_TARGET_DIR", &folder)
        // What it is linked with is what counts here, and sooner there without optimization.
        .envs([("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"), ("CARGO_PROFILE_RELEASE_LTO", "off")])
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        // The image has no settings of whoever builds it.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_RUSTFLAGS")
        .stdin(Stdio::null())
        .output()?;
    if !output.status.success() {
        return Err(format!(
            "the Dockerfile's command failed; it needs a C compiler and the static library of C (libc6-dev), and the \
             target {target} of Rust:\n{}",
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    Ok(folder.join(target).join("release/netintent-webhook"))
}

/// The words that run a program with `folder` as its root, as somebody who has no right.
fn jail(folder: &Path) -> Result<Vec<String>> {
    let ways = |folder: &str| {
        [
            ["chroot", "--userspec=65532:65532", "--groups=", folder].map(str::to_owned).to_vec(),
            ["unshare", "--user", "--map-root-user", &format!("--root={folder}")].map(str::to_owned).to_vec(),
        ]
    };
    let folder = folder.display().to_string();
    let mut said = String::new();
    for (probe, way) in ways("/").into_iter().zip(ways(&folder)) {
        match Command::new(&probe[0]).args(&probe[1..]).arg("true").output() {
            Ok(output) if output.status.success() => return Ok(way),
            Ok(output) => said.push_str(&String::from_utf8_lossy(&output.stderr)),
            Err(error) => writeln!(said, "{}: {error}", probe[0])?,
        }
    }
    Err(format!(
        "a program must be run in a folder of its own: be root and have chroot of coreutils, or have unshare of \
         util-linux and user namespaces of unprivileged users allowed\n{said}"
    )
    .into())
}

/// Writes a file that everybody may read, in folders that everybody may enter.
fn write(root: &Path, name: &str, content: &[u8], mode: u32) -> Result {
    let path = root.join(name);
    fs::create_dir_all(path.parent().ok_or("no folder")?)?;
    fs::write(&path, content)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    for folder in path.ancestors().skip(1).take_while(|folder| folder.starts_with(root)) {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

fn until(what: &str, server: &mut Server, mut holds: impl FnMut() -> Result<bool>) -> Result {
    let began = Instant::now();
    while !holds()? {
        if let Some(status) = server.ended()? {
            return Err(format!("it ended before {what}: {status}\n{}", server.tail()).into());
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("waited {PATIENCE:?} until {what}\n{}", server.tail()).into());
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

#[test]
fn the_program_of_the_image_answers_the_api_server_and_needs_nothing_else() -> Result {
    let binary = build()?;
    let plane = ControlPlane::start()?;
    let manifests = root().join("manifests");
    plane.apply_kustomization(&manifests.join("crd"))?;
    for file in ["namespace", "rbac", "authority", "controller"] {
        plane.apply(&manifests.join(format!("base/{file}.yaml")))?;
    }

    let scratch = Scratch::new()?;
    let jailed = scratch.folder("root")?;
    write(&jailed, "netintent-webhook", &fs::read(binary)?, 0o755)?;
    let identity = plane.authority().server(&["127.0.0.1"])?;
    write(&jailed, "certificates/tls.crt", identity.certificate.as_bytes(), 0o644)?;
    write(&jailed, "certificates/tls.key", identity.key.as_bytes(), 0o644)?;
    // What Kubernetes puts into a pod by itself.
    let account = "var/run/secrets/kubernetes.io/serviceaccount";
    let token = plane.admin().text(["create", "token", "-n", "netintent-system", "netintent"])?;
    write(&jailed, &format!("{account}/token"), token.trim().as_bytes(), 0o644)?;
    write(&jailed, &format!("{account}/ca.crt"), plane.authority().pem().as_bytes(), 0o644)?;
    write(&jailed, &format!("{account}/namespace"), b"netintent-system", 0o644)?;

    let [calls, observe] = free_ports()?;
    let (host, port) = plane.url().trim_start_matches("https://").split_once(':').ok_or("no port")?;
    let path = std::env::var("PATH")?;
    let mut words = vec![
        "-i".to_owned(),
        // For chroot and unshare alone: there is no folder of it in the new root.
        format!("PATH={path}:/usr/sbin:/sbin"),
        format!("KUBERNETES_SERVICE_HOST={host}"),
        format!("KUBERNETES_SERVICE_PORT={port}"),
        "POD_NAMESPACE=netintent-system".to_owned(),
    ];
    words.extend(jail(&jailed)?);
    words.extend([
        "/netintent-webhook".to_owned(),
        format!("--listen=127.0.0.1:{calls}"),
        format!("--observe=127.0.0.1:{observe}"),
        "--certificates=/certificates".to_owned(),
        "--log-text".to_owned(),
    ]);
    let mut server = Server::spawn(Path::new("env"), &words, &scratch.path().join("log"))?;
    let is_well = |path: &str| http_get(observe, path).is_some_and(|answer| answer.starts_with("HTTP/1.1 200"));
    until("it is alive", &mut server, || Ok(is_well("/livez")))?;
    until("it is ready", &mut server, || Ok(is_well("/readyz")))?;

    let configuration = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "netintent"},
        "webhooks": [{
            "name": "guard.netintent.dev",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
            "clientConfig": {
                "url": format!("https://127.0.0.1:{calls}/guard"),
                "caBundle": STANDARD.encode(plane.authority().pem()),
            },
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
        }],
    });
    plane.admin().pipe(["apply", "-f", "-"], &configuration.to_string())?;
    let administrator = plane.administrator()?;
    let pod = |labels: &str| {
        let labels: serde_json::Value = serde_json::from_str(labels)?;
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe", "labels": labels},
            "spec": {"containers": [{"name": "a", "image": "a"}]}});
        Ok::<_, Box<dyn Error>>(administrator.post("/api/v1/namespaces/default/pods?dryRun=All", &pod)?)
    };
    // Only a handshake that went well brings a denial in the webhook's own words.
    until("the API server asks it", &mut server, || {
        let reply = pod(r#"{"ledger.bank.to.netintent.dev/rpc": "allowed"}"#)?;
        Ok(reply.message().contains("guard.netintent.dev") && reply.message().contains("to.netintent.dev/rpc"))
    })?;
    let reply = pod("{}")?;
    assert!(reply.is_success(), "{}", reply.message());
    Ok(())
}
