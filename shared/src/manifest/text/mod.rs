//! The text of a manifest file, read into trees that know where everything stands, exactly as
//! `kubectl apply` would read it.
//!
//! kubectl cuts a file with `k8s.io/apimachinery`'s `YAMLOrJSONDecoder` and reads each document
//! with `sigs.k8s.io/yaml`, that is goyaml.v2, or with `encoding/json`. Other than kubectl, this
//! refuses duplicate keys and text that kubectl would silently ignore.

mod anchor;
mod base64;
mod build;
mod documents;
mod encoding;
mod error;
mod json;
mod json_reader;
mod json_tree;
mod locate;
mod mapping;
mod mark;
mod message;
mod node;
mod number;
mod open;
mod position;
mod quirk;
mod scalar;
mod source;
mod tag;
mod timestamp;
mod yaml;

pub use documents::{Document, Format, documents};
pub use error::SyntaxError;
pub use locate::locate;
pub use node::{Entry, Node, Style, Value};
pub use position::{Position, Span};

/// Reads a document. None if there is nothing in it but comments.
///
/// # Errors
/// What kubectl would refuse, duplicate keys, nesting of more than 1,000 levels, aliases that stand
/// for more than 100,000 values, and anything after the first document of the text.
pub fn parse(document: &Document<'_>) -> Result<Option<Node>, SyntaxError> {
    match document.format {
        Format::Yaml => yaml::parse(document.text, document.origin()),
        Format::Json => json_tree::parse(document.text, document.origin()),
    }
    .map_err(
        |error| {
            if error.message.starts_with("duplicate key") { error } else { error.template(document.text) }
        },
    )
}

#[cfg(test)]
mod tests;
