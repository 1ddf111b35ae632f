//! What is open and what would be, for people and as JSON.

use std::io::{self, Write};

use jiff::Timestamp;
use netintent::names::{self, printable};
use netintent::objects::Service;
use netintent::pod::Difference;
use netintent::policy::NetworkPolicy;
use netintent::recover::{GROUP, Opened, admission};
use serde_json::{Value, json};

use crate::cluster::{Configuration, Leads, State};
use crate::printer::{BAD, BOLD, GOOD, NOTE, styled};

/// Entries of a configuration whose failure policy changes, a line each.
pub(crate) fn entries(out: &mut impl Write, kind: &str, entries: &[String], from: &str, to: &str) -> io::Result<()> {
    writeln!(out, "{}", styled(BOLD, &format!("{kind} {}", admission::CONFIGURATION)))?;
    for entry in entries {
        writeln!(out, "  {}: failurePolicy {from} → {to}", printable(entry))?;
    }
    if entries.is_empty() {
        writeln!(out, "  the annotation {} goes; somebody has put the rest back already", names::RECOVER)?;
    }
    Ok(())
}

/// How a pod's labels change.
pub(crate) fn difference(out: &mut impl Write, pod: &str, difference: &Difference) -> io::Result<()> {
    writeln!(out, "{}", styled(BOLD, &printable(pod)))?;
    for key in &difference.adds {
        writeln!(out, "  {} {}", styled(GOOD, "+"), printable(key))?;
    }
    for key in &difference.removes {
        writeln!(out, "  {} {}", styled(BAD, "-"), printable(key))?;
    }
    Ok(())
}

/// A Service that everybody may call.
pub(crate) fn opening(
    out: &mut impl Write,
    service: &Service,
    policy: &NetworkPolicy,
    until: Timestamp,
) -> io::Result<()> {
    let rules = policy.ingress.iter().flatten();
    let ports: Vec<String> = rules.flat_map(|rule| &rule.ports).map(ToString::to_string).collect();
    let name = printable(&service.metadata.full_name());
    writeln!(out, "{}", styled(BOLD, &format!("Service {name}")))?;
    writeln!(out, "  everybody may call it, from outside of the cluster too: {}", printable(&ports.join(", ")))?;
    writeln!(out, "  until {until}, by NetworkPolicy {}", policy.metadata.full_name())
}

/// What is open, and what each step would do.
pub(crate) fn state(out: &mut impl Write, state: &State, now: Timestamp) -> io::Result<()> {
    writeln!(out, "{}", styled(BOLD, "Open now"))?;
    let mut open = false;
    for configuration in &state.configurations {
        let record = match configuration.record() {
            Ok(None) => continue,
            Ok(Some(record)) => record,
            Err(_) => {
                open = true;
                let text = format!("admission: what is open in {} can't be understood", configuration.kind);
                writeln!(out, "  {}", styled(NOTE, &text))?;
                continue;
            }
        };
        open = true;
        let names = admission::open(&configuration.object, &record);
        let names = if names.is_empty() { "nothing any more".to_owned() } else { names.join(", ") };
        let text = format!("admission: {} lets pass what nobody answers: {names}", configuration.kind);
        writeln!(out, "  {}{}", styled(NOTE, &printable(&text)), who(&record.opened))?;
    }
    for service in &state.services {
        open = true;
        let text = styled(NOTE, &format!("Service {}/{}: everybody may call it", service.namespace, service.service));
        let when = match &service.record {
            Some(record) if record.until > now => format!(" until {}{}", record.until, who(&record.opened)),
            Some(record) => format!("; its time was over at {}{}", record.until, who(&record.opened)),
            None => "; nobody knows until when".to_owned(),
        };
        writeln!(out, "  {text}{when}")?;
    }
    if !open {
        writeln!(out, "  nothing")?;
    }
    if state.configurations.is_empty() {
        return writeln!(out, "netintent is not installed in this cluster: it has no registrations.");
    }
    match &state.leads {
        Leads::Replica(leader) => writeln!(
            out,
            "The controller runs (replica {}, {} s ago): it undoes what is open as soon as the API server gets answers.",
            leader.name, leader.seconds
        )?,
        Leads::Nobody => {
            writeln!(out, "No controller runs: what is open stays so until it does, or until `recover undo`.")?;
        }
        Leads::Unread(why) => writeln!(
            out,
            "Whether a controller runs can't be known ({why}). If one does, it undoes what is open as soon as the API server \
             gets answers."
        )?,
    }
    writeln!(out, "{}", styled(BOLD, "Steps"))?;
    let waiting: Vec<&str> = state.configurations.iter().flat_map(|of| admission::waiting(&of.object)).collect();
    let admit = if waiting.is_empty() {
        "nothing waits".to_owned()
    } else {
        format!("no longer waits: {}", waiting.join(", "))
    };
    writeln!(out, "  recover admit              new pods and workloads are let in; {}", printable(&admit))?;
    writeln!(out, "  recover label NAMESPACE    its pods get the labels that are approved")?;
    writeln!(out, "  recover open NAMESPACE/SERVICE --for 2h    everybody may call a Service")?;
    writeln!(out, "  recover undo               puts all of it back")
}

/// The same as JSON.
pub(crate) fn json(out: &mut impl Write, state: &State) -> io::Result<()> {
    let admission = state.configurations.iter().map(|configuration| {
        let mut view = json!({"kind": configuration.kind, "waiting": admission::waiting(&configuration.object)});
        if let Some(record) = record(configuration) {
            view["open"] = json!(admission::open(&configuration.object, &record));
            opened(&mut view, &record.opened);
        }
        view
    });
    let services = state.services.iter().map(|service| {
        let mut view = json!({"namespace": service.namespace, "name": service.service});
        if let Some(record) = &service.record {
            view["until"] = record.until.to_string().into();
            opened(&mut view, &record.opened);
        }
        view
    });
    let mut view = json!({"apiVersion": "netintent.dev/v1alpha1", "kind": "Recovery",
        "admission": admission.collect::<Vec<_>>(), "services": services.collect::<Vec<_>>(), "leader": null});
    let mut unread = Vec::new();
    for configuration in &state.configurations {
        if let Err(why) = admission::recorded(&configuration.object) {
            let what = format!("{} {}", configuration.kind, admission::CONFIGURATION);
            unread.push(json!({"what": what, "why": why.to_string()}));
        }
    }
    match &state.leads {
        Leads::Replica(leader) => view["leader"] = json!({"name": leader.name, "secondsAgo": leader.seconds}),
        Leads::Nobody => {}
        Leads::Unread(why) => {
            unread.push(json!({"what": format!("Lease {}/netintent", state.home), "why": why}));
        }
    }
    if !unread.is_empty() {
        view["unread"] = unread.into();
    }
    serde_json::to_writer_pretty(&mut *out, &view)?;
    writeln!(out)
}

/// The commands that let a user write labels in the group: each right by itself, and no more than it takes.
pub(crate) fn rights(user: &str, groups: &[String]) -> Vec<String> {
    let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let role = format!("netintent-recover-{}", user.chars().map(word).collect::<String>().trim_matches('-'));
    let (name, binding) = (format!("--resource-name={}", quoted(user)), format!("--user={}", quoted(user)));
    let groups = groups.iter().map(String::as_str).chain([GROUP]);
    let groups: Vec<String> = groups.map(|group| format!("--resource-name={}", quoted(group))).collect();
    let account = user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
    let mut commands = match account {
        Some((namespace, name)) => {
            let (namespace, name) = (quoted(namespace), quoted(name));
            let of = format!("--verb=impersonate --resource=serviceaccounts --resource-name={name}");
            vec![
                format!("kubectl create role {role} -n {namespace} {of}"),
                format!("kubectl create rolebinding {role} -n {namespace} --role={role} {binding}"),
            ]
        }
        None => vec![
            format!("kubectl create clusterrole {role}-user --verb=impersonate --resource=users {name}"),
            format!("kubectl create clusterrolebinding {role}-user --clusterrole={role}-user {binding}"),
        ],
    };
    for (suffix, of) in [
        ("groups", format!("--verb=impersonate --resource=groups {}", groups.join(" "))),
        // One for each verb: in one role each verb would hold for both, and whoever may patch pods may change their images.
        ("pods", "--verb=get --resource=pods".to_owned()),
        ("labels", "--verb=patch --resource=pods/status".to_owned()),
    ] {
        commands.push(format!("kubectl create clusterrole {role}-{suffix} {of}"));
        commands
            .push(format!("kubectl create clusterrolebinding {role}-{suffix} --clusterrole={role}-{suffix} {binding}"));
    }
    commands
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let word = printable(word);
    let plain = |c: char| c.is_ascii_alphanumeric() || ":@._/-+=".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

fn record(configuration: &Configuration) -> Option<admission::Record> {
    configuration.record().ok().flatten()
}

fn opened(view: &mut Value, opened: &Opened) {
    view["since"] = opened.since.to_string().into();
    view["by"] = printable(&opened.by).into();
}

fn who(opened: &Opened) -> String {
    format!(" (since {} by {})", opened.since, printable(&opened.by))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rights_are_commands_for_a_shell() {
        let commands = rights("o'neil", &["team a".to_owned()]);
        assert_eq!(
            commands[0],
            "kubectl create clusterrole netintent-recover-o-neil-user --verb=impersonate --resource=users \
             --resource-name='o'\\''neil'"
        );
        assert_eq!(
            commands[2],
            "kubectl create clusterrole netintent-recover-o-neil-groups --verb=impersonate --resource=groups \
             --resource-name='team a' --resource-name=netintent:recover"
        );
        let commands = rights("system:serviceaccount:ops:robot", &[]);
        assert!(commands[0].contains(" -n ops --verb=impersonate --resource=serviceaccounts --resource-name=robot"));
        assert!(commands[1].ends_with("--user=system:serviceaccount:ops:robot"), "{}", commands[1]);
        assert_eq!((commands.len(), rights("jane", &[]).len()), (8, 8));
    }
}
