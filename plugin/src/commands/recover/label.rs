//! The pods of a namespace get the labels that they have a right to, by the functions that the webhook has for it.

use std::io::Write as _;
use std::time::{Duration, Instant};

use netintent::names;
use netintent::objects::{PodSpec, Workload};
use netintent::pod::Difference;
use netintent::recover::GROUP;
use netintent::snapshot::Snapshot;
use netintent::unread::Extent;

use super::{Doing, agreed, warn_of};
use crate::cli::{Connection, Input, RecoverLabel};
use crate::cluster::{Cluster, Failure, Myself};
use crate::error::{Error, Result, Status};
use crate::printer;
use crate::render::recover as render;
use crate::source;

/// How old what labels hang on may be when they are written, as for the webhook.
const FRESH: Duration = Duration::from_mins(1);

/// A pod whose labels are not what they should be.
struct Wrong<'s> {
    pod: &'s Workload,
    keys: Vec<String>,
    difference: Difference,
}

pub(super) fn run(args: &RecoverLabel) -> Result<Status> {
    let connection = &args.change.connection;
    let cluster = Cluster::connect(connection)?;
    let myself = cluster.myself()?;
    let state = cluster.recovery()?;
    let read = Instant::now();
    // Who may call whom hangs on objects of other namespaces.
    let loaded = source::load(&Input::live(connection, Some(&args.namespace)), &[])?;
    let snapshot = &loaded.snapshot;
    check_certain(snapshot, &args.namespace)?;
    let (wrong, right) = compared(snapshot, args, &state.home)?;
    if wrong.is_empty() {
        printer::note(&format!("nothing to do: {} of {} with the right labels", counted(right), args.namespace));
        return Ok(Status::Yes);
    }
    let mut out = printer::stdout();
    for Wrong { pod, difference, .. } in &wrong {
        render::difference(&mut out, &pod.metadata.full_name(), difference)?;
    }
    writeln!(out, "{} to change, {} with the right labels", counted(wrong.len()), counted(right))?;
    out.flush()?;
    warn_of(&state.leads);
    let doing = match agreed(&args.change, "Change these labels?")? {
        Ok(doing) => doing,
        Err(status) => return Ok(status),
    };
    let asker = if myself.groups.iter().any(|group| group == GROUP) {
        cluster
    } else {
        Cluster::connect(&recovering(connection, &myself))?
    };
    let (mut left, all) = (0, wrong.len());
    for (done, wrong) in wrong.iter().enumerate() {
        if read.elapsed() > FRESH {
            let message =
                format!("the cluster was read more than a minute ago: {} left as before", counted(all - done));
            return Err(Error::with_help(message, "run the command again".to_owned()));
        }
        if let Err(why) = write(&asker, &args.namespace, wrong, doing, &myself)? {
            printer::warning(&format!("Pod {} is left as it is: {why}", wrong.pod.metadata.full_name()));
            left += 1;
        }
    }
    printer::note(&format!("{}{} of {} changed", doing.word(), counted(wrong.len() - left), args.namespace));
    Ok(if left == 0 { Status::Yes } else { Status::Trouble })
}

fn counted(pods: usize) -> String {
    if pods == 1 { "1 pod".to_owned() } else { format!("{pods} pods") }
}

/// As the same user, and a member of the group besides.
fn recovering(connection: &Connection, myself: &Myself) -> Connection {
    let mut groups = myself.groups.clone();
    groups.push(GROUP.to_owned());
    Connection { as_user: Some(myself.name.clone()), as_groups: groups, as_uid: None, ..connection.clone() }
}

/// Insists that all was read that labels hang on: on less, labels would go that are approved. One object that can't be read is
/// taken as if it were not there, as the webhook does.
fn check_certain(snapshot: &Snapshot, namespace: &str) -> Result<()> {
    let everywhere = ["Approval", "ClusterApproval", "ClusterProhibition"];
    let here = ["Namespace", "Pod", "ServiceAccount", "ReplicaSet", "Job"];
    let missing: Vec<String> = (snapshot.objects.unread.iter())
        .filter(|unread| matches!(unread.extent, Extent::AllBut(_)))
        .filter(|u| everywhere.contains(&&*u.kind) || here.contains(&&*u.kind) && u.touches(namespace))
        .map(ToString::to_string)
        .collect();
    if !missing.is_empty() {
        let help =
            "on less than all of them, labels would go that are approved: ask somebody who may read them".to_owned();
        return Err(Error::with_help(
            format!("cannot tell which labels are right without {}", missing.join(", ")),
            help,
        ));
    }
    if snapshot.namespaces.get(namespace).is_none_or(|state| !state.known) {
        let help = "kubectl get namespaces says which there are".to_owned();
        return Err(Error::with_help(format!("there is no namespace {namespace}"), help));
    }
    Ok(())
}

/// The pods that change, and how many of those that are meant do not.
fn compared<'s>(snapshot: &'s Snapshot, args: &RecoverLabel, home: &str) -> Result<(Vec<Wrong<'s>>, usize)> {
    let (mut wrong, mut right, mut seen) = (Vec::new(), 0, Vec::new());
    for pod in &snapshot.pods {
        let object = &snapshot.objects.workloads[pod.object];
        let name = &object.metadata.name;
        let meant = args.pods.is_empty() || args.pods.contains(name);
        if object.kind != "Pod" || object.pod.ended || object.metadata.namespace != args.namespace || !meant {
            continue;
        }
        seen.push(name);
        let keys = if args.namespace == home { Vec::new() } else { snapshot.granted(pod) };
        let difference = Difference::new(object.pod.labels.iter(), &keys);
        if difference.is_empty() {
            right += 1;
        } else {
            wrong.push(Wrong { pod: object, keys, difference });
        }
    }
    if let Some(name) = args.pods.iter().find(|name| !seen.contains(name)) {
        let help = format!("kubectl get pods -n {} says which there are", args.namespace);
        return Err(Error::with_help(format!("no pod {name} runs in {}", args.namespace), help));
    }
    Ok((wrong, right))
}

/// Writes the difference to a pod that is still the one that was judged; or says why not.
fn write(
    cluster: &Cluster,
    namespace: &str,
    wrong: &Wrong<'_>,
    doing: Doing,
    myself: &Myself,
) -> Result<std::result::Result<(), String>> {
    let name = &wrong.pod.metadata.name;
    let now = match cluster.pod(namespace, name) {
        Ok(Some(now)) => now,
        // It needs no label any more.
        Ok(None) => return Ok(Ok(())),
        Err(error) => return Err(refused(error, myself)),
    };
    let (pod, uid, version) = now;
    if !is_same(&pod, wrong.pod) {
        return Ok(Err("it has changed meanwhile; run the command again".to_owned()));
    }
    let difference = Difference::new(pod.pod.labels.iter(), &wrong.keys);
    if difference.is_empty() {
        return Ok(Ok(()));
    }
    match cluster.change_labels(namespace, name, &difference.patch(&uid, &version), doing.is_dry()) {
        Ok(()) | Err(Failure::NotFound(_)) => Ok(Ok(())),
        Err(Failure::Refused { code: 409, .. }) => {
            Ok(Err("it has changed meanwhile; run the command again".to_owned()))
        }
        Err(failure) => Err(refused(failure.into_error(), myself)),
    }
}

/// Whether nothing of a pod has changed that its labels hang on.
fn is_same(a: &Workload, b: &Workload) -> bool {
    let of = |pod: &Workload| {
        let PodSpec { labels, calls, caller, service_account, mirror, .. } = &pod.pod;
        let mut labels = labels.clone();
        labels.retain(|key| !names::is_reserved(key));
        let text = |text: &Option<netintent::objects::Text>| text.as_ref().map(|text| text.value.clone());
        let (calls, caller) = (text(calls), text(caller));
        (labels, calls, caller, service_account.clone(), *mirror, pod.metadata.controller.clone())
    };
    of(a) == of(b)
}

/// A refusal, with the rights that it takes.
fn refused(error: Error, myself: &Myself) -> Error {
    if let Error::Other { message, .. } = &error
        && message.starts_with("not permitted")
    {
        printer::note(
            "This takes the right to patch pods/status, and to impersonate yourself in the group. Whoever administers the cluster gives it by:",
        );
        for command in render::rights(&myself.name, &myself.groups) {
            printer::note(&format!("  {command}"));
        }
    }
    error
}
