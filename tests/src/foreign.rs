//! What the projects of custom resources that are not ours make of them: `tests/tools/foreign`.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::{Error, Tool, Tools, process};

/// The program that has the types of the Prometheus operator and of cert-manager, and Prometheus' own engine.
#[derive(Debug, Clone)]
pub struct Foreign {
    program: PathBuf,
}

impl Foreign {
    /// The program, built if need be.
    ///
    /// # Errors
    ///
    /// If it cannot be built.
    pub fn get() -> Result<Self, Error> {
        Ok(Self { program: Tools::get()?.path(Tool::Foreign)? })
    }

    /// Reads YAML documents strictly, each by the Go type of its kind, and every `PromQL` expression in them. Returns
    /// `kind/name` of each.
    ///
    /// # Errors
    ///
    /// If one is of no kind that it knows, has a field that the type lacks, or an expression that cannot be parsed.
    pub fn decode(&self, yaml: &str) -> Result<Vec<String>, Error> {
        let text = process::pipe(Command::new(&self.program).arg("decode"), yaml)?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Evaluates a `PromQL` expression over scrapes, as Prometheus would. The question is
    /// `{"samples": [{"at": SECONDS, "text": EXPOSITION, "labels": {NAME: VALUE}}], "expr": EXPRESSION, "at": SECONDS}`;
    /// a sample without a text is a scrape that failed. `up` is there as in Prometheus. The answer is the vector:
    /// `[{"labels": {NAME: VALUE}, "value": NUMBER}]`, where what is no number is its text, such as `"NaN"`.
    ///
    /// # Errors
    ///
    /// If the scrapes or the expression cannot be parsed, or the result is no vector.
    pub fn evaluate(&self, question: &Value) -> Result<Vec<Value>, Error> {
        let text = process::pipe(Command::new(&self.program).arg("evaluate"), &question.to_string())?;
        serde_json::from_str(&text).map_err(|error| Error::Client { what: format!("{error} in {text}") })
    }
}
