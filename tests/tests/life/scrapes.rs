//! Metrics as Prometheus scrapes them, and what the alerts make of them.

use std::path::Path;

use netintent_tests::{Foreign, Kubectl, Webhook};
use serde_json::{Value, json};

use crate::Result;

/// The folder of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// What a webhook says of itself at this moment; nothing where it does not answer.
pub(crate) fn scrape(webhook: &Webhook) -> Option<String> {
    let answer = webhook.observed("/metrics")?;
    Some(answer.split_once("\r\n\r\n")?.1.to_owned())
}

/// An alert that comes with the manifests.
#[derive(Clone, Debug)]
pub(crate) struct Alert {
    /// Its name.
    pub(crate) name: String,
    /// When it is on.
    pub(crate) expression: String,
    /// For how many minutes it must be on before somebody is told.
    pub(crate) minutes: usize,
}

/// All of them.
pub(crate) fn alerts() -> Result<Vec<Alert>> {
    let rules = root().join("manifests/components/monitoring/rules.yaml");
    let (rules, kubectl) = (rules.display().to_string(), Kubectl::alone()?);
    let text = kubectl.text(["annotate", "--local", "-f", &rules, "a=b", "-o", "json"])?;
    let object: Value = serde_json::from_str(&text)?;
    let rules = object.pointer("/spec/groups/0/rules").and_then(Value::as_array).ok_or("no rules")?;
    let text = |rule: &Value, key: &str| rule[key].as_str().map(str::to_owned).ok_or("no text");
    let alert = |rule: &Value| {
        let minutes = text(rule, "for")?.strip_suffix('m').ok_or("not in minutes")?.parse()?;
        Ok(Alert { name: text(rule, "alert")?, expression: text(rule, "expr")?, minutes })
    };
    rules.iter().map(alert).collect()
}

/// What of an alert is on after scrapes that are so many seconds apart, of which the last is of this moment.
pub(crate) fn firing(expression: &str, scrapes: &[Option<&str>], apart: u64) -> Result<Vec<Value>> {
    let labels = json!({"job": "netintent", "namespace": "netintent-system", "pod": "netintent-0"});
    let now = u64::try_from(jiff::Timestamp::now().as_second())?;
    let mut samples = Vec::new();
    for (at, text) in (0..).zip(scrapes.iter().rev()) {
        let mut sample = json!({"at": now - at * apart, "labels": labels});
        if let Some(text) = text {
            sample["text"] = (*text).into();
        }
        samples.insert(0, sample);
    }
    Ok(Foreign::get()?.evaluate(&json!({"samples": samples, "expr": expression, "at": now}))?)
}
