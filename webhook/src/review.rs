//! `admission.k8s.io/v1` `AdmissionReview`: what the API server asks, of which only what decides is read, and what it is
//! answered.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use json_patch::PatchOperation;
use serde::{Deserialize, Serialize};

mod object;

pub use object::{MetadataView, ObjectView, OwnerView, TemplateView};

/// The most characters of one warning that the API server passes on.
pub const MAX_WARNING: usize = 256;
/// The most characters of all warnings of an answer that it passes on.
pub const MAX_WARNINGS: usize = 4096;
/// The most characters of a refusal's message: what a person reads.
const MAX_MESSAGE: usize = 16 * 1024;
/// About how many bytes one operation of a patch has.
const OPERATION: usize = 128;
/// The most characters of one audit annotation's value.
pub(crate) const MAX_AUDIT: usize = 4096;

/// What the API server posts, about an object of which as much is read as `O` has.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "O: Deserialize<'de>"))]
pub struct AdmissionReview<'a, O> {
    /// The question. The API server never leaves it out.
    #[serde(borrow)]
    pub request: Request<'a, O>,
}

/// The question.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "O: Deserialize<'de>"))]
pub struct Request<'a, O> {
    /// Its own id, to be repeated in the answer.
    #[serde(borrow)]
    pub uid: Cow<'a, str>,
    /// The kind of the object sent, which for a subresource may be another than the resource's.
    #[serde(borrow, default)]
    pub kind: Kind<'a>,
    /// The object's name; empty where the API server is yet to make one.
    #[serde(borrow, default)]
    pub name: Cow<'a, str>,
    /// The object's namespace.
    #[serde(borrow, default)]
    pub namespace: Cow<'a, str>,
    /// What is done.
    pub operation: Operation,
    /// Who does it.
    #[serde(borrow, default)]
    pub user_info: UserInfo<'a>,
    /// Whether nothing of it will be kept.
    #[serde(default)]
    pub dry_run: bool,
    /// The object as it would be; none on deletion.
    #[serde(default = "Option::default")]
    pub object: Option<O>,
    /// The object as it is; none on creation.
    #[serde(default = "Option::default")]
    pub old_object: Option<O>,
}

impl<'a, O> Request<'a, O> {
    /// The same question with its objects in another form.
    pub(crate) fn map<P>(self, form: impl Fn(O) -> P) -> Request<'a, P> {
        let Self { uid, kind, name, namespace, operation, user_info, dry_run, object, old_object } = self;
        let (object, old_object) = (object.map(&form), old_object.map(&form));
        Request { uid, kind, name, namespace, operation, user_info, dry_run, object, old_object }
    }
}

/// A kind of objects.
#[derive(Debug, Default, Deserialize)]
pub struct Kind<'a> {
    /// Its name.
    #[serde(borrow, default)]
    pub kind: Cow<'a, str>,
}

/// Who asks.
#[derive(Debug, Default, Deserialize)]
pub struct UserInfo<'a> {
    /// The user's name.
    #[serde(borrow, default)]
    pub username: Cow<'a, str>,
}

/// What is done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// It is made.
    Create,
    /// It is changed.
    Update,
    /// It is deleted.
    Delete,
    /// A subresource is connected to.
    Connect,
}

/// An answer, yet without the id of its question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Why not; `None`: admitted.
    pub denied: Option<String>,
    /// What is changed.
    pub patch: Vec<PatchOperation>,
    /// What the user should hear all the same.
    pub warnings: Vec<String>,
    /// What goes into the API server's audit log, by key.
    pub audit: BTreeMap<&'static str, String>,
    /// Who may not call what, and why, whether that denies or only warns: for the log.
    pub refusals: Vec<String>,
    /// Whether somebody only wanted to know whether there is an answer: then a denial is none of anything.
    pub probed: bool,
}

impl Answer {
    /// Admitted as it is.
    pub fn allowed() -> Self {
        Self::default()
    }

    /// Denied, for this reason.
    pub fn denied(message: impl Into<String>) -> Self {
        Self { denied: Some(message.into()), ..Self::default() }
    }

    /// The JSON of the whole `AdmissionReview`.
    ///
    /// Warnings beyond what the API server passes on are counted in the last one, instead of being cut.
    pub fn json(&self, uid: &str) -> Vec<u8> {
        let patch = (!self.patch.is_empty() && self.denied.is_none()).then(|| {
            let mut json = Vec::with_capacity(self.patch.len() * OPERATION);
            let _ = serde_json::to_writer(&mut json, &self.patch);
            STANDARD.encode(json)
        });
        let response = Response {
            uid,
            allowed: self.denied.is_none(),
            status: self.denied.as_ref().map(|message| Status {
                message: shortened(&lines(message), MAX_MESSAGE).into_owned(),
                reason: "Forbidden",
                code: 403,
            }),
            patch_type: patch.is_some().then_some("JSONPatch"),
            patch,
            warnings: bounded(&self.warnings),
            audit_annotations: self.audit.iter().map(|(key, value)| (*key, shortened(value, MAX_AUDIT))).collect(),
        };
        let long = response.patch.as_ref().map_or(0, String::len)
            + response.audit_annotations.values().map(|value| value.len()).sum::<usize>();
        let review = ReviewResponse { api_version: "admission.k8s.io/v1", kind: "AdmissionReview", response };
        // In one piece: it is written once for each question.
        let mut json = Vec::with_capacity(long + 512);
        // Writing to memory does not fail.
        let _ = serde_json::to_writer(&mut json, &review);
        json
    }
}

/// A text of which each line is free of what steers a terminal.
fn lines(text: &str) -> String {
    text.split('\n').map(netintent::names::printable).collect::<Vec<_>>().join("\n")
}

/// At most `most` characters, the last a `…` where something is left out.
fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    // A text has as many bytes as characters, or more.
    if text.len() <= most || text.chars().nth(most).is_none() {
        return text.into();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

fn bounded(warnings: &[String]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut left = MAX_WARNINGS - MAX_WARNING;
    for (at, warning) in warnings.iter().enumerate() {
        let warning = shortened(&netintent::names::printable(warning), MAX_WARNING).into_owned();
        let length = warning.chars().count();
        if length > left {
            all.push(format!("and {} more warnings: kubectl netintent check tells all", warnings.len() - at));
            break;
        }
        left -= length;
        all.push(warning);
    }
    all
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReviewResponse<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: Response<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    audit_annotations: BTreeMap<&'static str, Cow<'a, str>>,
}

#[derive(Serialize)]
struct Status {
    message: String,
    reason: &'static str,
    code: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_decides_is_read_and_all_else_is_passed_over() {
        let text = r#"{"kind":"AdmissionReview","request":{"uid":"a-1","new":[1],"operation":"CREATE","namespace":"shop",
            "resource":{"group":"","version":"v1","resource":"pods"},"userInfo":{"username":"me","groups":["a"]},
            "object":{"metadata":{"generateName":"web-","labels":{"app":"web","x.to.netintent.dev/y":"allowed"},
            "annotations":null},"spec":{"containers":[{"name":"\u0041"}]}},"oldObject":null,"dryRun":true}}"#;
        let review: AdmissionReview<'_, ObjectView<'_>> = serde_json::from_str(text).unwrap();
        let request = &review.request;
        assert_eq!((&*request.uid, &*request.user_info.username), ("a-1", "me"));
        assert!(request.old_object.is_none() && request.operation == Operation::Create);
        let object = request.object.as_ref().unwrap();
        assert_eq!(object.metadata.reserved(), [("x.to.netintent.dev/y", "allowed")]);
    }

    #[test]
    fn of_many_owners_the_one_that_controls_is_known() {
        let owner = |name: &str, controls: &str| {
            format!(r#"{{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"{name}"{controls}}}"#)
        };
        let owners =
            [owner("a", ""), owner("b", r#","controller":false"#), owner("c", r#","controller":true"#)].join(",");
        let text =
            format!(r#"{{"metadata":{{"ownerReferences":[{owners}]}},"spec":{{"selector":{{"matchLabels":"x"}}}}}}"#);
        let object: ObjectView<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!(object.metadata.of("shop").controller.unwrap().name, "c");
        assert!(object.metadata.is_controlled() && object.selector().is_none());
        let none: ObjectView<'_> = serde_json::from_str(r#"{"metadata":{"ownerReferences":null}}"#).unwrap();
        assert!(!none.metadata.is_controlled());
    }

    /// Whoever reaches the port may send a lot; what is made of it is never much more.
    #[test]
    fn junk_is_passed_over_or_refused() {
        let owners = format!(r#"{{"metadata":{{"ownerReferences":[{}{{}}]}}}}"#, "{},".repeat(200_000));
        assert!(!serde_json::from_str::<ObjectView<'_>>(&owners).unwrap().metadata.is_controlled());
        let labels =
            format!(r#"{{"metadata":{{"labels":{{{}"a":""}}}}}}"#, r#""to.netintent.dev/a":"","#.repeat(100_001));
        assert!(
            serde_json::from_str::<ObjectView<'_>>(&labels).unwrap_err().to_string().starts_with("a map has more than")
        );
        let selector = |count| {
            format!(r#"{{"spec":{{"selector":{{"matchLabels":{{{}"a":"b"}}}}}}}}"#, r#""c":"d","#.repeat(count))
        };
        let selected = |count| serde_json::from_str::<ObjectView<'_>>(&selector(count)).unwrap().selector();
        assert!(selected(1_023).is_some() && selected(1_024).is_none());
    }

    #[test]
    fn answers_keep_to_the_limits_of_the_api_server() {
        let many = vec!["a warning\nof two lines".repeat(40); 40];
        let answer = Answer { warnings: many, ..Answer::default() };
        let json: serde_json::Value = serde_json::from_slice(&answer.json("u")).unwrap();
        let warnings = json["response"]["warnings"].as_array().unwrap();
        let texts: Vec<&str> = warnings.iter().map(|w| w.as_str().unwrap()).collect();
        assert!(texts.iter().all(|w| w.chars().count() <= MAX_WARNING && !w.contains('\n')));
        assert!(texts.iter().map(|w| w.chars().count()).sum::<usize>() <= MAX_WARNINGS);
        assert_eq!(texts.last().unwrap(), &"and 25 more warnings: kubectl netintent check tells all");
        assert_eq!(json["response"]["uid"], "u");
    }

    #[test]
    fn a_denial_changes_nothing_and_steers_no_terminal() {
        let mut answer = Answer::denied("no\n\u{1b}[31mred");
        answer.patch = serde_json::from_str(r#"[{"op":"remove","path":"/a"}]"#).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&answer.json("u")).unwrap();
        assert_eq!(json["response"]["status"]["message"], "no\n [31mred");
        assert_eq!((&json["response"]["allowed"], json["response"].get("patch")), (&false.into(), None));
    }
}
