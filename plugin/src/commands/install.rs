//! `install`: the manifests of this very version, printed or applied.

mod rollout;

use std::io::Write as _;
use std::time::{Duration, Instant};

use netintent::names::{self, printable};
use netintent::recover::admission;
use serde_json::Value;

use super::place::place;
use crate::cli::{DryRun, Install};
use crate::cluster::{Cluster, Failure, Meta, new_enough};
use crate::error::{Error, Result, Status};
use crate::printer;
use crate::release::{Manifest, NAME, chosen, manifests};
use rollout::{Rollout, rollout};

/// How often it is looked whether something has come true.
const POLL: Duration = Duration::from_millis(500);

pub(super) fn run(args: &Install) -> Result<Status> {
    let text = args.release().text();
    if !args.apply {
        let mut out = printer::data();
        out.write_all(text.as_bytes())?;
        out.flush()?;
        return Ok(Status::Yes);
    }
    let manifests = manifests(&text);
    if args.trial.dry_run == Some(DryRun::Client) {
        manifests.iter().for_each(|manifest| printer::note(&format!("dry run: {manifest} would be applied")));
        return Ok(Status::Yes);
    }
    let cluster = Cluster::connect(&args.connection)?;
    cluster.run(new_enough(&cluster)).map_err(Failure::into_error)?;
    place(&cluster, Some(&args.namespace))?;
    let before = held(&cluster, &manifests)?;
    manifests.iter().zip(&before).try_for_each(|(manifest, before)| check_recovered(manifest, before.as_ref()))?;
    warn_of_defaults(args, &manifests, &before);
    let install = Installing { args, cluster: &cluster, before };
    install.try_all(&manifests).map_err(Error::with_nothing_changed)?;
    if args.trial.dry_run.is_none() {
        install.apply_all(&manifests)?;
    }
    Ok(Status::Yes)
}

/// What is there already, in the order of the manifests: it must be netintent's, and not Helm's.
fn held(cluster: &Cluster, manifests: &[Manifest<'_>]) -> Result<Vec<Option<Value>>> {
    let mut held = Vec::with_capacity(manifests.len());
    let mut foreign = Vec::new();
    for manifest in manifests {
        let found = cluster.run(cluster.found(&manifest.path())).map_err(Failure::into_error)?;
        let Some(object) = found else {
            held.push(None);
            continue;
        };
        let meta = Meta::of(&object).map_err(Failure::into_error)?;
        if let Some(release) = meta.helm_release() {
            let message = printable(&format!("netintent was installed with Helm, as release {release}"));
            return Err(Error::with_help(message, "upgrade it with helm upgrade".to_owned()));
        }
        if manifest.labelled && !meta.is_marked() {
            foreign.push(manifest.to_string());
        }
        held.push(Some(said(object)));
    }
    if foreign.is_empty() {
        return Ok(held);
    }
    let (are, it) = if foreign.len() == 1 { ("is", "it is") } else { ("are", "they are") };
    let message = format!("{} {are} there already, and not netintent's: nothing was changed", foreign.join(", "));
    let help = format!(
        "choose another --namespace, or rename what is in the way; if {it} meant for netintent, label {} {NAME}={}",
        if foreign.len() == 1 { "it" } else { "them" },
        names::NETINTENT
    );
    Err(Error::with_help(message, help))
}

/// Insists that nothing is open that `recover` has opened in a registration: its manifest would close it, by taking fields over
/// that are not its own, and what was written down of it would stay.
fn check_recovered(manifest: &Manifest<'_>, before: Option<&Value>) -> Result<()> {
    let Some(before) = before.filter(|_| manifest.is_registration()) else { return Ok(()) };
    let annotation = names::RECOVER;
    let (what, help) = match admission::recorded(before) {
        Ok(None) => return Ok(()),
        Ok(Some(record)) => {
            let open = admission::open(before, &record);
            if open.is_empty() {
                return Ok(());
            }
            let by = &record.opened.by;
            let entries = open.join(", ");
            let what =
                format!("{by} has opened {entries} of it by `recover admit`, as its annotation {annotation} says");
            (what, "kubectl netintent recover undo comes first; --force-conflicts does not stand in for it".to_owned())
        }
        Err(error) => {
            let help = format!(
                "set its failure policies as the manifests of netintent have them, and take the annotation {annotation} away"
            );
            (error.to_string(), help)
        }
    };
    Err(Error::with_help(format!("nothing was changed, since {manifest} is not as it was installed: {what}"), help))
}

/// Says what of an installation would be as it is by default, since it was not said again.
fn warn_of_defaults(args: &Install, manifests: &[Manifest<'_>], before: &[Option<Value>]) {
    let found = manifests.iter().zip(before).find(|(manifest, _)| manifest.kind == "Deployment");
    let Some(deployment) = found.and_then(|(_, before)| before.as_ref()) else { return };
    let chosen = chosen(deployment);
    let lost = [
        (args.replicas.is_none(), chosen.replicas.map(|replicas| format!("--replicas {replicas}"))),
        (args.image.is_none(), chosen.image.map(|image| format!("--image {}", printable(image)))),
    ];
    let lost: Vec<String> = lost.into_iter().filter_map(|(is_lost, option)| option.filter(|_| is_lost)).collect();
    if !lost.is_empty() {
        printer::warning(&format!("the Deployment that is there has {}: say so again to keep it", lost.join(" ")));
    }
}

struct Installing<'a> {
    args: &'a Install,
    cluster: &'a Cluster,
    /// What was there before, in the order of the manifests.
    before: Vec<Option<Value>>,
}

impl Installing<'_> {
    fn apply(&self, manifest: &Manifest<'_>, dry_run: bool) -> Result<(Vec<String>, Value)> {
        let path = manifest.path();
        let applied = self.cluster.applied(&path, manifest.text, self.args.force_conflicts, dry_run);
        self.cluster.run(applied).map_err(|failure| refused(manifest, failure))
    }

    /// Has the API server say of all that it would take it, before anything is written.
    fn try_all(&self, manifests: &[Manifest<'_>]) -> Result<()> {
        let is_told = self.args.trial.dry_run.is_some();
        // The Namespace comes first.
        let has_namespace = self.before.first().is_some_and(Option::is_some);
        let mut unasked = 0;
        for manifest in manifests {
            if !manifest.namespace.is_empty() && !has_namespace {
                self.check_known(manifest)?;
                unasked += 1;
                continue;
            }
            let (warnings, _) = self.apply(manifest, true)?;
            if is_told {
                warnings.iter().for_each(|warning| printer::warning(warning));
                printer::note(&format!("dry run: the API server would take it: {manifest}"));
            }
        }
        if is_told && unasked > 0 {
            let namespace = &self.args.namespace;
            let message = format!("{unasked} objects of the Namespace {namespace} can't be tried before it is there");
            printer::warning(&message);
        }
        Ok(())
    }

    /// Insists that somebody serves what can't be tried yet.
    fn check_known(&self, manifest: &Manifest<'_>) -> Result<()> {
        if !is_of_cert_manager(manifest) {
            return Ok(());
        }
        let served = self.cluster.run(self.cluster.found(&format!("/apis/{}", manifest.api_version)));
        match served.map_err(Failure::into_error)? {
            Some(_) => Ok(()),
            None => Err(refused(manifest, Failure::NotFound(String::new()))),
        }
    }

    /// Applies all, in an order in which nothing asks for what is not there yet.
    fn apply_all(&self, manifests: &[Manifest<'_>]) -> Result<()> {
        let all = || manifests.iter().zip(&self.before);
        let deployment = all().find(|(manifest, _)| manifest.kind == "Deployment");
        // The old replicas answer the old registrations, and new ones both.
        let is_upgrade = deployment.is_some_and(|(_, before)| before.is_some());
        let mut changes = 0;
        for (manifest, before) in all().filter(|(manifest, _)| !manifest.is_registration()) {
            changes += self.take(manifest, before.as_ref())?;
            if manifest.kind == "CustomResourceDefinition" {
                self.until(manifest, "the API server knows it", established)?;
            }
        }
        let wait = || match deployment {
            Some((deployment, _)) if self.args.wait => self.until(deployment, "its replicas are ready", rollout),
            _ => Ok(()),
        };
        if is_upgrade {
            wait()?;
        }
        for (manifest, before) in all().filter(|(manifest, _)| manifest.is_registration()) {
            changes += self.take(manifest, before.as_ref())?;
        }
        if !is_upgrade {
            wait()?;
        }
        let namespace = &self.args.namespace;
        printer::note(&match (changes, self.args.wait) {
            (0, _) => format!("nothing was to be changed: netintent is installed as version {VERSION} has it"),
            (_, true) => format!("netintent {VERSION} is installed"),
            (_, false) => format!(
                "netintent {VERSION} is installed once this ends: kubectl rollout status -n {namespace} deployment/netintent"
            ),
        });
        Ok(())
    }

    /// Applies one, and gives how many were changed by it.
    fn take(&self, manifest: &Manifest<'_>, before: Option<&Value>) -> Result<usize> {
        let (warnings, object) = self.apply(manifest, false)?;
        warnings.iter().for_each(|warning| printer::warning(warning));
        let done = match before {
            None => "created",
            Some(before) if *before == said(object) => "unchanged",
            Some(_) => "changed",
        };
        printer::note(&format!("{done}: {manifest}"));
        Ok(usize::from(done != "unchanged"))
    }

    /// Waits until an object is as far as it should be.
    fn until(&self, manifest: &Manifest<'_>, what: &str, how_far: fn(&Value) -> Rollout) -> Result<()> {
        let began = Instant::now();
        let mut last = String::new();
        loop {
            let object = self.cluster.run(self.cluster.found(&manifest.path())).map_err(Failure::into_error)?;
            match object.as_ref().map(how_far) {
                Some(Rollout::Done) => break,
                Some(Rollout::Stuck(why)) => return Err(self.late(manifest, &why)),
                Some(Rollout::Waiting(what)) => last = what,
                None => "it is gone".clone_into(&mut last),
            }
            if began.elapsed() >= self.args.timeout {
                return Err(self.late(manifest, &last));
            }
            printer::progress(&format!("waiting until {what}: {manifest}: {last}"));
            self.cluster.pause(POLL);
        }
        printer::progress("");
        Ok(())
    }

    fn late(&self, manifest: &Manifest<'_>, why: &str) -> Error {
        printer::progress("");
        let namespace = &self.args.namespace;
        let message = printable(&format!("{manifest} does not get ready: {why}"));
        let help = match manifest.kind.as_str() {
            "Deployment" => format!(
                "kubectl get pods,events -n {namespace} says why; then run the command again, or give it longer with --timeout"
            ),
            _ => "run the command again, or give it longer with --timeout".to_owned(),
        };
        Error::with_help(message, help)
    }
}

/// What an object says, without what the API server and controllers keep of it.
fn said(mut object: Value) -> Value {
    if let Some(object) = object.as_object_mut() {
        object.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|key, _| !["managedFields", "resourceVersion", "generation"].contains(&key.as_str()));
    }
    object
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Whether the API server serves a kind.
fn established(definition: &Value) -> Rollout {
    let conditions = definition.pointer("/status/conditions").and_then(Value::as_array);
    let condition = |kind: &str, status: &str| {
        conditions.into_iter().flatten().find(|c| c["type"] == kind && c["status"] == status).cloned()
    };
    if condition("Established", "True").is_some() {
        return Rollout::Done;
    }
    match condition("NamesAccepted", "False") {
        Some(condition) => Rollout::Stuck(condition["message"].as_str().unwrap_or_default().to_owned()),
        None => Rollout::Waiting("it is not served yet".to_owned()),
    }
}

fn is_of_cert_manager(manifest: &Manifest<'_>) -> bool {
    manifest.api_version.starts_with("cert-manager.io/")
}

/// Why a manifest was not taken, in words.
fn refused(manifest: &Manifest<'_>, failure: Failure) -> Error {
    let (message, help) = match failure {
        Failure::Refused { message, code: 409, .. } => {
            let help =
                "another tool has written it: install with that one, or take its fields over with --force-conflicts";
            (message, Some(help.to_owned()))
        }
        Failure::NotFound(_) if is_of_cert_manager(manifest) => {
            let help = "install cert-manager first, or leave --cert-manager out".to_owned();
            ("there is no cert-manager in this cluster".to_owned(), Some(help))
        }
        other => other.worded(),
    };
    Error::with_help(format!("{manifest} can't be applied: {message}"), help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_kind_is_there_once_it_is_established() {
        let of = |kind: &str, status: &str| {
            established(&json!({"status": {"conditions": [{"type": kind, "status": status, "message": "taken"}]}}))
        };
        assert_eq!(of("Established", "True"), Rollout::Done);
        assert_eq!(of("NamesAccepted", "False"), Rollout::Stuck("taken".to_owned()));
        for waiting in [of("Established", "False"), established(&Value::Null)] {
            assert!(matches!(waiting, Rollout::Waiting(_)), "{waiting:?}");
        }
    }

    fn manifest(kind: &str, version: &str) -> Manifest<'static> {
        Manifest {
            text: "",
            api_version: version.to_owned(),
            kind: kind.to_owned(),
            namespace: "n".to_owned(),
            name: "a".to_owned(),
            labelled: true,
        }
    }

    #[test]
    fn what_recover_has_opened_comes_first() {
        let registration = manifest("MutatingWebhookConfiguration", "admissionregistration.k8s.io/v1");
        let of = |manifest: &Manifest<'_>, annotation: &str, policy: &str| {
            let before = json!({"metadata": {"annotations": {"netintent.dev/recover": annotation}},
                "webhooks": [{"name": "new.derive.netintent.dev", "failurePolicy": policy}]});
            match check_recovered(manifest, Some(&before)) {
                Err(Error::Other { message, help }) => format!("{message}; {}", help.unwrap_or_default()),
                _ => String::new(),
            }
        };
        let record =
            r#"{"since": "2027-01-01T00:00:00Z", "by": "jane", "entries": {"new.derive.netintent.dev": "Fail"}}"#;
        let open = of(&registration, record, "Ignore");
        for words in ["jane has opened new.derive.netintent.dev", "nothing was changed", "recover undo comes first"] {
            assert!(open.contains(words), "{open}");
        }
        // Somebody has closed it by hand: nothing stands against it.
        assert_eq!(of(&registration, record, "Fail"), "");
        assert!(of(&registration, "{}", "Ignore").contains("can't be understood"));
        assert_eq!(of(&manifest("Deployment", "apps/v1"), record, "Ignore"), "");
        assert!(
            check_recovered(&registration, None).is_ok() && check_recovered(&registration, Some(&json!({}))).is_ok()
        );
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let conflict = Failure::Refused { message: "conflict with x".into(), reason: "Conflict".into(), code: 409 };
        for (manifest, failure, words) in [
            (
                manifest("Deployment", "apps/v1"),
                conflict,
                ["Deployment n/a can't be applied: conflict", "--force-conflicts"],
            ),
            (
                manifest("Issuer", "cert-manager.io/v1"),
                Failure::NotFound(String::new()),
                ["no cert-manager", "install cert-manager first"],
            ),
        ] {
            let Error::Other { message, help } = refused(&manifest, failure) else { unreachable!("it is said") };
            assert!(message.contains(words[0]) && help.is_some_and(|help| help.contains(words[1])), "{message}");
        }
    }
}
