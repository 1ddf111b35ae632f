//! The harness itself: servers end, plugins run, users are who they say.

use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use netintent_tests::{ControlPlane, Kubectl, Scratch, Server};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// The part of `servers_end_with_a_process_that_aborts` that aborts runs where this is set.
const ABORT: &str = "NETINTENT_TEST_ABORT";

/// Starts a server that tells its process id in a file, and waits for that.
fn sleeper(scratch: &Scratch) -> Result<(Server, u32)> {
    let told = scratch.path().join("pid");
    let script = r#"echo $$ > "$0.new"; mv "$0.new" "$0"; exec sleep 600"#;
    let args = ["-c".as_ref(), script.as_ref(), told.as_os_str()];
    let server = Server::spawn(Path::new("sh"), args, &scratch.path().join("log"))?;
    until("the server runs", || told.exists())?;
    let pid = fs::read_to_string(told)?.trim().parse()?;
    Ok((server, pid))
}

fn until(what: &str, mut condition: impl FnMut() -> bool) -> Result {
    let began = Instant::now();
    while !condition() {
        if began.elapsed() > Duration::from_secs(30) {
            return Err(format!("waited 30 s until {what}").into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn runs(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    !status.is_empty() && !status.contains("\nState:\tZ")
}

#[test]
fn server_ends_on_drop() -> Result {
    let scratch = Scratch::new()?;
    let (server, pid) = sleeper(&scratch)?;
    assert!(runs(pid));
    drop(server);
    assert!(!runs(pid), "process {pid} still runs");
    Ok(())
}

/// Its watcher hears nothing of it, and tells how the program ended.
#[test]
fn a_signal_reaches_the_program_itself() -> Result {
    let scratch = Scratch::new()?;
    let (mut server, pid) = sleeper(&scratch)?;
    assert_eq!(server.id()?, pid);
    assert!(server.peak_memory()? > 0);
    server.signal("TERM")?;
    assert_eq!(server.wait(Duration::from_secs(30))?.code(), Some(128 + 15));
    assert!(!runs(pid) && server.signal("TERM").is_err());
    Ok(())
}

#[test]
fn servers_end_with_a_process_that_aborts() -> Result {
    if std::env::var_os(ABORT).is_some() {
        let scratch = Scratch::new()?;
        let (_server, pid) = sleeper(&scratch)?;
        fs::write(std::env::var(ABORT)?, format!("{pid}\n{}", scratch.path().display()))?;
        std::process::abort();
    }
    let scratch = Scratch::new()?;
    let told = scratch.path().join("told");
    let status = Command::new(std::env::current_exe()?)
        .args(["--exact", "servers_end_with_a_process_that_aborts"])
        .env(ABORT, &told)
        .output()?
        .status;
    assert!(!status.success());
    let text = fs::read_to_string(told)?;
    let (pid, folder) = text.split_once('\n').ok_or("no pid")?;
    let pid = pid.parse()?;
    until("the server is gone", || !runs(pid))?;
    until("its folder is gone", || !Path::new(folder).exists())
}

#[test]
fn program_that_cannot_be_run_says_so() -> Result {
    let scratch = Scratch::new()?;
    let program = Path::new("/nowhere/etcd");
    let mut server = Server::spawn(program, [""; 0], &scratch.path().join("log"))?;
    until("it ended", || matches!(server.ended(), Ok(Some(_))))?;
    assert!(server.tail().contains("/nowhere/etcd"), "{}", server.tail());
    Ok(())
}

#[test]
fn kubectl_finds_the_plugin() -> Result {
    let scratch = Scratch::new()?;
    let plugin = scratch.file("any-name", "#!/bin/sh\necho \"plugin: $*\"\nexit 3\n")?;
    fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755))?;
    let output = Kubectl::alone()?.with_plugin(&plugin)?.output(["netintent", "version"])?;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "plugin: version\n");
    assert_eq!(output.status.code(), Some(3), "kubectl hands on the plugin's exit code");
    Ok(())
}

#[test]
fn control_plane_has_rbac() -> Result {
    let plane = ControlPlane::shared()?;
    let asked = ["auth", "can-i", "create", "namespaces"];
    assert_eq!(plane.admin().text(asked)?, "yes\n");
    let nobody = plane.kubectl(&["--as=nobody", "auth", "can-i", "create", "namespaces"])?;
    assert_eq!(String::from_utf8_lossy(&nobody.stdout), "no\n");
    Ok(())
}

#[test]
fn namespace_takes_pods() -> Result {
    let plane = ControlPlane::shared()?;
    plane.namespace("shop")?;
    plane.namespace("shop")?;
    let scratch = Scratch::new()?;
    let file = scratch.file(
        "pod.yaml",
        "{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: frontend}, \
         spec: {containers: [{name: c, image: i}]}}",
    )?;
    assert_eq!(plane.apply(&file)?, "pod/frontend created\n");
    Ok(())
}
