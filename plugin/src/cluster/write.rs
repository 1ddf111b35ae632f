//! What is changed in a cluster: Approvals, each as it was read, or not at all.

use http::{Method, Request};
use jiff::Timestamp;
use netintent::approval::{Approval, Cut, Draft};
use netintent::callee::CalleePattern;
use netintent::caller::CallerPattern;
use netintent::names;
use serde_json::{Value, json};

use super::{Cluster, Failure};
use crate::error::{Error, Result};
use crate::printer;

/// Who the API server is told that writes.
pub(super) const MANAGER: &str = "kubectl-netintent";

pub(super) const MERGE_PATCH: &str = "application/merge-patch+json";
pub(super) const JSON_PATCH: &str = "application/json-patch+json";
pub(super) const JSON: &str = "application/json";

impl Cluster {
    /// Creates an approval; with `dry_run` the API server only says whether it would.
    ///
    /// # Errors
    /// Where the API server refuses it.
    pub(crate) fn create(&self, draft: &Draft, dry_run: bool) -> Result<()> {
        let approval = draft.approval();
        let annotations: serde_json::Map<String, Value> =
            draft.annotations.iter().map(|(key, text)| ((*key).to_owned(), text.as_str().into())).collect();
        let mut object = json!({
            "apiVersion": "netintent.dev/v1alpha1",
            "kind": draft.kind(),
            "metadata": {"name": draft.name, "annotations": annotations},
            "spec": {
                "callers": approval.callers.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "callees": draft.callee_texts(),
            },
        });
        if let Some(namespace) = &draft.namespace {
            object["metadata"]["namespace"] = namespace.as_str().into();
        }
        if let Some(reason) = &draft.reason {
            object["spec"]["reason"] = reason.as_str().into();
        }
        if let Some(at) = draft.expires_at {
            object["spec"]["expiresAt"] = at.to_string().into();
        }
        let path = path(&approval, false);
        self.change(Method::POST, &path, JSON, &object, dry_run)
    }

    /// Has an approval end at another time, and gives it another reason where one is given.
    ///
    /// # Errors
    /// Where the API server refuses, or somebody else changed it meanwhile.
    pub(crate) fn renew(&self, approval: &Approval, at: Timestamp, reason: Option<&str>, dry_run: bool) -> Result<()> {
        let path = path(approval, true);
        let object = self.object(&path).map_err(Failure::into_error)?;
        if !is_as_read(&object["spec"], approval) {
            return Err(changed(approval));
        }
        let version = &object["metadata"]["resourceVersion"];
        let mut patch = json!({"metadata": {"resourceVersion": version}, "spec": {"expiresAt": at.to_string()}});
        if let Some(reason) = reason {
            patch["spec"]["reason"] = reason.into();
        }
        self.change(Method::PATCH, &path, MERGE_PATCH, &patch, dry_run)
    }

    /// Takes a part of an approval, or all of it, as it was read; what goes as a whole says first that this is meant.
    ///
    /// # Errors
    /// Where the API server refuses, or somebody else changed it meanwhile.
    pub(crate) fn take(&self, approval: &Approval, cut: Cut, reason: &str, dry_run: bool) -> Result<()> {
        let path = path(approval, true);
        let text = |texts: Vec<String>, at: usize| texts.into_iter().nth(at).unwrap_or_default();
        let element = |list: &str, at: usize, text: String| {
            let path = format!("/spec/{list}/{at}");
            json!([{"op": "test", "path": path, "value": text}, {"op": "remove", "path": path}])
        };
        let patch = match cut {
            Cut::Whole => return self.remove(approval, &path, reason, dry_run),
            Cut::Callers => json!([{"op": "remove", "path": "/spec/callers"}]),
            Cut::Caller(at) => element("callers", at, text(self.texts(approval, "callers")?, at)),
            Cut::Callee(at) => element("callees", at, text(self.texts(approval, "callees")?, at)),
        };
        self.change(Method::PATCH, &path, JSON_PATCH, &patch, dry_run)
    }

    /// The items of a list as they are written, where they still mean what was read.
    fn texts(&self, approval: &Approval, list: &str) -> Result<Vec<String>> {
        let object = self.object(&path(approval, true)).map_err(Failure::into_error)?;
        let items = object["spec"][list].as_array();
        let texts: Vec<String> = items.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        let count = if list == "callers" { approval.callers.len() } else { approval.callees.len() };
        if texts.len() == count { Ok(texts) } else { Err(changed(approval)) }
    }

    fn remove(&self, approval: &Approval, path: &str, reason: &str, dry_run: bool) -> Result<()> {
        let object = self.object(path).map_err(Failure::into_error)?;
        let list = |list: &str| object["spec"][list].as_array().map_or(0, Vec::len);
        if (list("callers"), list("callees")) != (approval.callers.len(), approval.callees.len()) {
            return Err(changed(approval));
        }
        let version = &object["metadata"]["resourceVersion"];
        let annotate = json!({"metadata": {"annotations": {names::REVOKED: reason}, "resourceVersion": version}});
        self.change(Method::PATCH, path, MERGE_PATCH, &annotate, dry_run)?;
        if dry_run {
            // The API server has not kept the annotation, without which it would refuse.
            return Ok(());
        }
        let only = json!({"apiVersion": "v1", "kind": "DeleteOptions",
            "preconditions": {"uid": object["metadata"]["uid"]}});
        self.change(Method::DELETE, path, JSON, &only, false)
    }

    /// One object, as it is.
    ///
    /// # Errors
    /// Where it can't be read.
    pub(super) fn object(&self, path: &str) -> std::result::Result<Value, Failure> {
        let text = self.run(async { self.text(super::list::get(path, JSON)?).await })?;
        serde_json::from_str(&text).map_err(|error| Failure::Garbled(error.to_string()))
    }

    fn change(&self, method: Method, path: &str, content: &str, body: &Value, dry_run: bool) -> Result<()> {
        self.send(method, path, content, body, dry_run).map_err(not_installed)
    }

    /// Sends a change, and prints what the API server warns of.
    ///
    /// # Errors
    /// Where it refuses.
    pub(super) fn send(
        &self,
        method: Method,
        path: &str,
        content: &str,
        body: &Value,
        dry_run: bool,
    ) -> std::result::Result<(), Failure> {
        let dry = if dry_run { "&dryRun=All" } else { "" };
        // A deletion is nobody's field.
        let query = if method == Method::DELETE {
            dry.trim_start_matches('&').to_owned()
        } else {
            format!("fieldManager={MANAGER}&fieldValidation=Strict{dry}")
        };
        let request = Request::builder().method(method).uri(format!("{path}?{query}"));
        let request = request.header(http::header::CONTENT_TYPE, content).header(http::header::ACCEPT, JSON);
        let request = request.body(body.to_string().into_bytes());
        let request = request.map_err(|error| Failure::Garbled(format!("no request can be made: {error}")))?;
        let warnings = self.run(self.changing(request))?;
        warnings.iter().for_each(|warning| printer::warning(warning));
        Ok(())
    }
}

/// Where an approval is, or would be.
fn path(approval: &Approval, itself: bool) -> String {
    let (namespace, name) = approval.metadata.key();
    let within = match namespace {
        "" => "clusterapprovals".to_owned(),
        namespace => format!("namespaces/{namespace}/approvals"),
    };
    let name = if itself { format!("/{name}") } else { String::new() };
    format!("/apis/netintent.dev/v1alpha1/{within}{name}")
}

/// Whether a `spec` says still what was read of an approval of one caller and one callee.
fn is_as_read(spec: &Value, approval: &Approval) -> bool {
    let only = |list: &str| match spec[list].as_array().map(Vec::as_slice) {
        Some([one]) => one.as_str(),
        _ => None,
    };
    let (Some(caller), Some(callee)) = (only("callers"), only("callees")) else { return false };
    let namespace = Some(approval.metadata.namespace.as_str()).filter(|namespace| !namespace.is_empty());
    let caller = CallerPattern::parse(caller, namespace).ok();
    let callee = match namespace {
        Some(namespace) => CalleePattern::parse_own(callee, namespace).ok(),
        None => CalleePattern::parse(callee, None).ok(),
    };
    let expires_at: Option<Timestamp> = spec["expiresAt"].as_str().and_then(|text| text.parse().ok());
    caller.zip(callee).is_some_and(|(caller, callee)| approval.is_just(&caller, &callee))
        && spec["from"].as_array().is_none_or(Vec::is_empty)
        && expires_at == approval.expires_at
}

fn changed(approval: &Approval) -> Error {
    let name = format!("{} {}", approval.kind(), approval.metadata.full_name());
    Error::with_help(format!("somebody else changed {name} meanwhile"), "run the command again".to_owned())
}

/// A refusal to write, in words.
fn not_installed(failure: Failure) -> Error {
    match failure {
        // Of a path that it does not know an API server says nothing.
        Failure::NotFound(message) if message.is_empty() || message.contains("find the requested resource") => {
            let help = "install netintent first: docs/operating.md says how".to_owned();
            Error::with_help("netintent is not installed in this cluster: it knows no Approvals", help)
        }
        other => other.into_error(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_that_somebody_changed_is_seen() {
        let caller = CallerPattern::parse("shop/web", None).unwrap();
        let draft = Draft::new(caller, CalleePattern::parse("bank/ledger:rpc", None).unwrap());
        let spec = json!({"callers": ["shop/web"], "callees": ["ledger:rpc"]});
        assert!(is_as_read(&spec, &draft.approval()));
        for (key, value) in [
            ("callers", json!(["shop/cart"])),
            ("callers", json!(["shop/web", "shop/cart"])),
            ("callees", json!(["ledger"])),
            ("from", json!([{"podSelector": {}}])),
            ("expiresAt", json!("2027-01-01T00:00:00Z")),
        ] {
            let mut other = spec.clone();
            other[key] = value;
            assert!(!is_as_read(&other, &draft.approval()), "{other}");
        }
        let everywhere = Draft::new(CallerPattern::Any, CalleePattern::parse("*/*:metrics", None).unwrap());
        assert!(is_as_read(&json!({"callers": ["*/*"], "callees": ["*/*:metrics"]}), &everywhere.approval()));
    }
}
