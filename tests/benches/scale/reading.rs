//! What the plugin takes to answer from the cluster, beside what `kubectl get` takes to read the same objects.

use std::process::Stdio;
use std::time::{Duration, Instant};

use netintent_tests::{Installed, Kubectl, plugin_binary};

use crate::Result;
use crate::report::line;

/// What the plugin reads.
const KINDS: &str = "namespaces,serviceaccounts,services,deployments.apps,statefulsets.apps,daemonsets.apps,replicasets.apps,\
    replicationcontrollers,cronjobs.batch,jobs.batch,pods,networkpolicies.networking.k8s.io,approvals.netintent.dev,\
    clusterapprovals.netintent.dev,clusterprohibitions.netintent.dev";
/// How often it is looked at what a process has in memory.
const LOOK: Duration = Duration::from_millis(3);
/// How often each is run, in turns.
const ROUNDS: usize = 7;

/// From start to exit, and the most that it had in memory, in bytes.
#[derive(Clone, Copy)]
struct Usage {
    time: Duration,
    memory: u64,
}

/// Runs each command by turns, and prints how they compare.
pub(crate) fn measure(installed: &Installed) -> Result {
    let kubectl = installed.admin().kubectl().with_plugin(&plugin_binary()?)?;
    let services = installed.admin().get("/api/v1/services?limit=500")?.body;
    let of =
        |object: &serde_json::Value, field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    let service =
        services["items"].as_array().into_iter().flatten().find(|object| of(object, "namespace") != "default");
    let service = service.map(|service| format!("{}/{}", of(service, "namespace"), of(service, "name")));
    let callee = service.ok_or("no Service")?;
    let commands: [(&str, Vec<&str>); 6] = [
        ("kubectl get -o json", vec!["get", KINDS, "-A", "-o=json"]),
        ("kubectl get", vec!["get", KINDS, "-A"]),
        ("list", vec!["netintent", "list", "-A", "-o", "json"]),
        ("explain", vec!["netintent", "explain", "203.0.113.7", &callee]),
        ("check", vec!["netintent", "check", "-A", "-o", "json"]),
        ("status", vec!["netintent", "status"]),
    ];
    let mut all: Vec<Vec<Usage>> = vec![Vec::new(); commands.len()];
    for _ in 0..ROUNDS {
        for ((_, arguments), usages) in commands.iter().zip(&mut all) {
            usages.push(run(&kubectl, arguments)?);
        }
    }
    line("\nfrom the cluster: median of 7, in s; beside kubectl get -o json; memory at most, in MiB");
    let base = median(&all[0]);
    for ((name, _), usages) in commands.iter().zip(&all) {
        let memory = usages.iter().map(|usage| usage.memory).max().unwrap_or_default().div_ceil(1 << 20);
        let time = median(usages);
        line(&format!("  {name}: {time:.2} s, {:.2} times, {memory} MiB", time / base));
    }
    Ok(())
}

/// Runs a command to its end; its output goes nowhere. Denied, or findings, are answers too.
fn run(kubectl: &Kubectl, arguments: &[&str]) -> Result<Usage> {
    let start = Instant::now();
    let mut command = kubectl.command(arguments);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    // Of a process that has ended the kernel tells what it had as a copy of this one, which is larger.
    let mut memory = 0;
    let status = loop {
        memory = peak(child.id()).unwrap_or(memory);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(LOOK);
    };
    let time = start.elapsed();
    if !matches!(status.code(), Some(0 | 1)) {
        return Err(format!("kubectl {}: {status}", arguments.join(" ")).into());
    }
    Ok(Usage { time, memory })
}

/// The most that a process had in memory since its program was started, in bytes; nothing once it has ended.
fn peak(process: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let kib: u64 =
        text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok())?;
    Some(kib * 1024)
}

fn median(usages: &[Usage]) -> f64 {
    let mut times: Vec<f64> = usages.iter().map(|usage| usage.time.as_secs_f64()).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
