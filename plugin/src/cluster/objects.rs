//! Objects of any kind: their metadata in lists, each alone, and what is done to them.

use std::collections::BTreeMap;

use http::{Method, Request};
use netintent::names;
use serde::Deserialize;
use serde_json::{Value, json};

use super::list::{METADATA_LIST, PAGE, escaped, get, next_page};
use super::write::MANAGER;
use super::{Cluster, Failure};
use crate::release::NAME;

const APPLY_PATCH: &str = "application/apply-patch+yaml";
const MERGE_PATCH: &str = "application/merge-patch+json";
const JSON: &str = "application/json";
/// How often a list is begun anew whose beginning the API server no longer keeps.
const TRIES: usize = 3;

type Result<T> = std::result::Result<T, Failure>;

/// What every object says of itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Meta {
    /// The namespace; empty for what is in none.
    pub(crate) namespace: String,
    /// The name.
    pub(crate) name: String,
    /// What tells it from another of its name.
    pub(crate) uid: String,
    /// Its version.
    pub(crate) resource_version: String,
    /// Its labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// Its annotations.
    pub(crate) annotations: BTreeMap<String, String>,
    /// Who wrote what of it.
    managed_fields: Vec<Managed>,
    /// Whether others own it.
    owner_references: Vec<serde::de::IgnoredAny>,
    /// Since when it is on its way out.
    pub(crate) deletion_timestamp: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Managed {
    manager: String,
}

impl Meta {
    /// The metadata of an object.
    ///
    /// # Errors
    /// Where they can't be read.
    pub(crate) fn of(object: &Value) -> Result<Self> {
        Self::deserialize(&object["metadata"]).map_err(|error| Failure::Garbled(error.to_string()))
    }

    /// `namespace/name`, or the name of what is in no namespace.
    pub(crate) fn full_name(&self) -> String {
        if self.namespace.is_empty() { self.name.clone() } else { format!("{}/{}", self.namespace, self.name) }
    }

    /// The value of a label.
    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }

    /// Whether one of these wrote some of it.
    pub(crate) fn is_written_by(&self, managers: &[&str]) -> bool {
        self.managed_fields.iter().any(|field| managers.contains(&field.manager.as_str()))
    }

    /// Whether it says that it is netintent's. The Secrets that cert-manager makes for netintent have no label.
    pub(crate) fn is_marked(&self) -> bool {
        let certificate = self.annotations.get("cert-manager.io/certificate-name");
        let is_named = certificate.is_some_and(|name| name == "netintent" || name == "netintent-issuer");
        self.label(NAME) == Some(names::NETINTENT) || is_named
    }

    /// The release of Helm's that it belongs to; what Helm leaves behind belongs to none.
    pub(crate) fn helm_release(&self) -> Option<&str> {
        let is_kept = self.annotations.get("helm.sh/resource-policy").is_some_and(|policy| policy == "keep");
        self.annotations.get("meta.helm.sh/release-name").filter(|_| !is_kept).map(String::as_str)
    }

    /// Whether it goes when another object does.
    pub(crate) fn is_owned(&self) -> bool {
        !self.owner_references.is_empty()
    }
}

#[derive(Deserialize)]
struct Page {
    /// An answer without it is none.
    items: Option<Vec<Item>>,
}

#[derive(Deserialize)]
struct Item {
    metadata: Meta,
}

impl Cluster {
    /// The metadata of all objects below a path that a label selector selects; of all where it is empty.
    ///
    /// # Errors
    /// The first page that can't be read.
    pub(crate) async fn listed(&self, path: &str, selector: &str) -> Result<Vec<Meta>> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.pages(path, selector).await {
                Err(Failure::Expired) if tries < TRIES => {}
                other => return other,
            }
        }
    }

    async fn pages(&self, path: &str, selector: &str) -> Result<Vec<Meta>> {
        let selector =
            if selector.is_empty() { String::new() } else { format!("&labelSelector={}", escaped(selector)) };
        let mut all = Vec::new();
        let mut more = String::new();
        loop {
            let text = self.text(get(&format!("{path}?limit={PAGE}{selector}{more}"), METADATA_LIST)?).await;
            let text = match text {
                Err(Failure::Forbidden(message)) if !more.is_empty() => return Err(Failure::Lost(message)),
                other => other?,
            };
            let page: Page = serde_json::from_str(&text).map_err(|error| Failure::Garbled(error.to_string()))?;
            all.extend(page.items.unwrap_or_default().into_iter().map(|item| item.metadata));
            match next_page(&text)? {
                Some(token) => more = format!("&continue={}", escaped(&token)),
                None => return Ok(all),
            }
        }
    }

    /// An object; `None` where there is none.
    ///
    /// # Errors
    /// Where it can't be read.
    pub(crate) async fn found(&self, path: &str) -> Result<Option<Value>> {
        match self.text(get(path, JSON)?).await {
            Ok(text) => serde_json::from_str(&text).map_err(|error| Failure::Garbled(error.to_string())).map(Some),
            Err(Failure::NotFound(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Applies YAML server-side, and gives what the object then is, with what the API server warns of; `force` takes fields
    /// over from whoever wrote them.
    ///
    /// # Errors
    /// Where the API server refuses it.
    pub(crate) async fn applied(
        &self,
        path: &str,
        yaml: &str,
        force: bool,
        dry_run: bool,
    ) -> Result<(Vec<String>, Value)> {
        let query = format!("fieldManager={MANAGER}&fieldValidation=Strict&force={force}{}", dry(dry_run));
        let path = format!("{path}?{query}");
        self.sent(Method::PATCH, &path, APPLY_PATCH, yaml.as_bytes().to_vec()).await
    }

    /// Sets labels, and takes away those that are null. What is no longer there needs none.
    ///
    /// # Errors
    /// Where the API server refuses it.
    pub(crate) async fn relabel(&self, path: &str, labels: &Value, dry_run: bool) -> Result<()> {
        let body = json!({"metadata": {"labels": labels}}).to_string().into_bytes();
        let path = format!("{path}?fieldManager={MANAGER}{}", dry(dry_run));
        match self.sent(Method::PATCH, &path, MERGE_PATCH, body).await {
            Err(Failure::NotFound(_)) => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Deletes an object, if it is still the one that was seen, and gives the finalizers that keep it. What is no longer there
    /// is deleted.
    ///
    /// # Errors
    /// Where the API server refuses it.
    pub(crate) async fn delete(&self, path: &str, uid: &str, dry_run: bool) -> Result<Vec<String>> {
        deleted(self.deleting(path, &json!({"uid": uid}), dry_run).await)
    }

    /// Deletes an object, if it is as it was read, and gives the finalizers that keep it until somebody takes them away; it is
    /// in force as long.
    ///
    /// # Errors
    /// Where the API server refuses it, or somebody has changed it meanwhile.
    pub(crate) async fn delete_as_read(&self, path: &str, of: &Meta, dry_run: bool) -> Result<Vec<String>> {
        let only = json!({"uid": of.uid, "resourceVersion": of.resource_version});
        Ok(finalizers(self.deleting(path, &only, dry_run).await?))
    }

    async fn deleting(&self, path: &str, only: &Value, dry_run: bool) -> Result<Value> {
        let mut options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
            "preconditions": only});
        if dry_run {
            options["dryRun"] = json!(["All"]);
        }
        Ok(self.sent(Method::DELETE, path, JSON, options.to_string().into_bytes()).await?.1)
    }

    async fn sent(&self, method: Method, path: &str, content: &str, body: Vec<u8>) -> Result<(Vec<String>, Value)> {
        let request = Request::builder().method(method).uri(path).header(http::header::CONTENT_TYPE, content);
        let request = request.header(http::header::ACCEPT, JSON).body(body);
        self.changed(request.map_err(|error| Failure::Garbled(format!("no request can be made: {error}")))?).await
    }
}

fn dry(dry_run: bool) -> &'static str {
    if dry_run { "&dryRun=All" } else { "" }
}

/// The answer to a deletion of what may be gone.
fn deleted(answer: Result<Value>) -> Result<Vec<String>> {
    match answer {
        // 409: another has its name, or a Namespace is on its way out.
        Err(Failure::NotFound(_) | Failure::Refused { code: 409, .. }) => Ok(Vec::new()),
        answer => answer.map(finalizers),
    }
}

/// What keeps an object that was deleted. What is gone at once is answered by a Status, which has none.
fn finalizers(mut answer: Value) -> Vec<String> {
    serde_json::from_value(answer["metadata"]["finalizers"].take()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_read_as_the_api_server_writes_them() {
        let object = json!({"metadata": {"namespace": "n", "name": "a", "uid": "1", "resourceVersion": "7",
            "labels": {"l": "v"}, "managedFields": [{"manager": "netintent", "operation": "Update", "fieldsV1": {}}],
            "ownerReferences": [{"kind": "X"}], "deletionTimestamp": "2026-01-01T00:00:00Z"}});
        let meta = Meta::of(&object).unwrap_or_default();
        assert_eq!((meta.full_name().as_str(), meta.label("l")), ("n/a", Some("v")));
        assert!(meta.is_written_by(&["netintent"]) && !meta.is_written_by(&["kubectl"]) && meta.is_owned());
        assert!(meta.deletion_timestamp.is_some());
        assert!(Meta::of(&json!({"metadata": {"name": 5}})).is_err());
    }

    #[test]
    fn what_says_that_it_is_netintents_is() {
        let of = |metadata: Value| Meta::of(&json!({"metadata": metadata})).unwrap_or_default().is_marked();
        assert!(of(json!({"labels": {"app.kubernetes.io/name": "netintent"}})));
        assert!(!of(json!({"name": "netintent", "labels": {"app.kubernetes.io/name": "other"}})));
        assert!(of(json!({"annotations": {"cert-manager.io/certificate-name": "netintent-issuer"}})));
    }

    #[test]
    fn what_helm_leaves_behind_is_of_no_release() {
        let of = |annotations: Value| {
            let meta = Meta::of(&json!({"metadata": {"annotations": annotations}})).unwrap_or_default();
            meta.helm_release().map(str::to_owned)
        };
        assert_eq!(of(json!({"meta.helm.sh/release-name": "a"})).as_deref(), Some("a"));
        assert_eq!(of(json!({"meta.helm.sh/release-name": "a", "helm.sh/resource-policy": "keep"})), None);
        assert_eq!(of(json!({"helm.sh/resource-policy": "keep"})), None);
    }

    #[test]
    fn what_is_gone_is_deleted_and_what_has_finalizers_is_not() {
        let kept = |answer| deleted(answer).map(|kept| kept.join(", ")).map_err(|failure| failure.worded().0);
        assert_eq!(kept(Err(Failure::NotFound(String::new()))), Ok(String::new()));
        let refused = |code| Failure::Refused { message: String::new(), reason: String::new(), code };
        assert_eq!(kept(Err(refused(409))), Ok(String::new()));
        assert!(kept(Err(refused(500))).is_err());
        assert_eq!(kept(Ok(json!({"kind": "Status", "status": "Success", "metadata": {}}))), Ok(String::new()));
        let object = json!({"kind": "NetworkPolicy", "metadata": {"finalizers": ["a/b", "c/d"]}});
        assert_eq!(kept(Ok(object)), Ok("a/b, c/d".to_owned()));
    }
}
