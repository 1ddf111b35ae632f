//! Changes to the text of manifest files that leave every other byte as it is.
//!
//! [`append()`] adds a document, [`revoke()`] takes an approval out, [`renew()`] has it end at another time. All are pure, and
//! all read what they made once more: where its values are not those of before but for what was to change, the file is left as it is.

mod anchors;
mod append;
mod document;
mod element;
mod lines;
mod renew;
mod revoke;

pub use append::append;
pub use renew::renew;
pub use revoke::{Revoked, Taken, revoke};

use std::ops::Range;

use super::text::{Node, Position, SyntaxError, Value, documents, parse};

/// Why a file is left as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EditError {
    /// What stands in the way, without a full stop.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Where, if it is somewhere.
    pub at: Option<Position>,
}

type Result<T> = std::result::Result<T, EditError>;

impl EditError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None, at: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn at(mut self, at: Position) -> Self {
        self.at = Some(at);
        self
    }

    /// What is written in no way that is known here.
    fn by_hand(at: Position) -> Self {
        Self::new("it is written in a way that cannot be edited safely").help("take it out by hand").at(at)
    }
}

impl From<SyntaxError> for EditError {
    fn from(error: SyntaxError) -> Self {
        Self { message: error.message, help: error.help, at: Some(error.span.start) }
    }
}

/// The trees of all documents that hold anything.
fn trees(text: &str) -> Result<Vec<Node>> {
    let mut found = Vec::new();
    for document in documents(text.as_bytes())? {
        found.extend(parse(&document)?);
    }
    Ok(found)
}

/// Insists that `text` holds these values, wherever they stand in it and however they are written.
fn check(text: &str, expected: &[Node]) -> Result<()> {
    let found = trees(text)?;
    let same = found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| is_same(a, b));
    if same { Ok(()) } else { Err(EditError::new("the change would have changed more than it should")) }
}

fn is_same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Sequence(a), Value::Sequence(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b)),
        (Value::Mapping(a), Value::Mapping(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.key == b.key && is_same(&a.value, &b.value))
        }
        (a, b) => a == b,
    }
}

/// The text without some parts of it, which may overlap.
fn without(text: &str, mut parts: Vec<Range<usize>>) -> Option<String> {
    parts.sort_by_key(|part| part.start);
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for part in parts {
        if part.start > from {
            out.push_str(text.get(from..part.start)?);
        }
        from = from.max(part.end);
    }
    out.push_str(text.get(from..)?);
    Some(out)
}
