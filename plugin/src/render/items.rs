//! Lists of items in JSON and YAML, one item after the other, so that the longest list needs no memory.

use std::io::{self, Write};

use libyaml_safer::{Emitter, Encoding, Event, MappingStyle, ScalarStyle, SequenceStyle};
use serde::Serialize;
use serde_json::Value;

/// The version of every object of ours that is printed.
pub(crate) const API_VERSION: &str = "netintent.dev/v1alpha1";

/// A list on its way out.
pub(crate) enum Items<'w> {
    /// One item a line.
    Json {
        /// Where to.
        out: &'w mut dyn Write,
        /// Whether an item was written.
        any: bool,
        /// An item is put together here: in memory its many small pieces cost next to nothing.
        item: Vec<u8>,
    },
    /// Through an emitter.
    Yaml(Box<Emitter<'w>>),
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` calls it")]
fn yaml_error(error: libyaml_safer::Error) -> io::Error {
    // The emitter wraps what the writer said: a closed pipe must still be known as one.
    match std::error::Error::source(&error).and_then(|e| e.downcast_ref::<io::Error>()) {
        Some(inner) => inner.kind().into(),
        None => io::Error::other(error.to_string()),
    }
}

impl<'w> Items<'w> {
    /// Begins a list of `kind` as JSON.
    pub(crate) fn json(out: &'w mut dyn Write, kind: &str) -> io::Result<Self> {
        Self::json_of(out, API_VERSION, kind)
    }

    /// Begins a list of another API as JSON.
    pub(crate) fn json_of(out: &'w mut dyn Write, api_version: &str, kind: &str) -> io::Result<Self> {
        write!(out, "{{\"apiVersion\": \"{api_version}\", \"kind\": \"{kind}\", \"items\": [")?;
        Ok(Self::Json { out, any: false, item: Vec::new() })
    }

    /// Begins a list of `kind` as YAML.
    pub(crate) fn yaml(out: &'w mut dyn Write, kind: &str) -> io::Result<Self> {
        let mut emitter = begin(out)?;
        emit(&mut emitter, Event::mapping_start(None, None, true, MappingStyle::Block))?;
        for (key, value) in [("apiVersion", API_VERSION), ("kind", kind)] {
            scalar(&mut emitter, key)?;
            scalar(&mut emitter, value)?;
        }
        scalar(&mut emitter, "items")?;
        emit(&mut emitter, Event::sequence_start(None, None, true, SequenceStyle::Block))?;
        Ok(Self::Yaml(Box::new(emitter)))
    }

    /// Writes one item.
    pub(crate) fn item(&mut self, item: &impl Serialize) -> io::Result<()> {
        match self {
            Self::Json { out, any, item: text } => {
                text.clear();
                text.extend_from_slice(if *any { b",\n  " } else { b"\n  " });
                *any = true;
                serde_json::to_writer(&mut *text, item)?;
                out.write_all(text)
            }
            Self::Yaml(emitter) => value(emitter, &serde_json::to_value(item)?),
        }
    }

    /// Ends the list; `more` are further fields of the object.
    pub(crate) fn finish(self, more: &[(&str, Value)]) -> io::Result<()> {
        match self {
            Self::Json { out, any, .. } => {
                out.write_all(if any { b"\n]" } else { b"]" })?;
                for (key, value) in more {
                    write!(out, ", \"{key}\": {value}")?;
                }
                out.write_all(b"}\n")
            }
            Self::Yaml(mut emitter) => {
                emit(&mut emitter, Event::sequence_end())?;
                for (key, field) in more {
                    scalar(&mut emitter, key)?;
                    value(&mut emitter, field)?;
                }
                emit(&mut emitter, Event::mapping_end())?;
                end(&mut emitter)
            }
        }
    }
}

/// Writes one object as YAML.
pub(crate) fn yaml_object(out: &mut dyn Write, object: &impl Serialize) -> io::Result<()> {
    let mut emitter = begin(out)?;
    value(&mut emitter, &serde_json::to_value(object)?)?;
    end(&mut emitter)
}

fn begin(out: &mut dyn Write) -> io::Result<Emitter<'_>> {
    let mut emitter = Emitter::new();
    emitter.set_output(out);
    emitter.set_unicode(true);
    emitter.set_width(-1);
    emit(&mut emitter, Event::stream_start(Encoding::Utf8))?;
    emit(&mut emitter, Event::document_start(None, &[], true))?;
    Ok(emitter)
}

fn end(emitter: &mut Emitter<'_>) -> io::Result<()> {
    emit(emitter, Event::document_end(true))?;
    emit(emitter, Event::stream_end())?;
    emitter.flush().map_err(yaml_error)
}

fn emit(emitter: &mut Emitter<'_>, event: Event) -> io::Result<()> {
    emitter.emit(event).map_err(yaml_error)
}

fn value(emitter: &mut Emitter<'_>, value_: &Value) -> io::Result<()> {
    match value_ {
        Value::Null => plain(emitter, "null"),
        Value::Bool(b) => plain(emitter, if *b { "true" } else { "false" }),
        Value::Number(n) => plain(emitter, &n.to_string()),
        Value::String(text) => scalar(emitter, text),
        Value::Array(items) => {
            let style = if items.is_empty() { SequenceStyle::Flow } else { SequenceStyle::Block };
            emit(emitter, Event::sequence_start(None, None, true, style))?;
            items.iter().try_for_each(|item| value(emitter, item))?;
            emit(emitter, Event::sequence_end())
        }
        Value::Object(fields) => {
            let style = if fields.is_empty() { MappingStyle::Flow } else { MappingStyle::Block };
            emit(emitter, Event::mapping_start(None, None, true, style))?;
            for (key, field) in fields {
                scalar(emitter, key)?;
                value(emitter, field)?;
            }
            emit(emitter, Event::mapping_end())
        }
    }
}

fn plain(emitter: &mut Emitter<'_>, text: &str) -> io::Result<()> {
    emit(emitter, Event::scalar(None, None, text, true, true, ScalarStyle::Plain))
}

/// A string, quoted where a reader would take it for something else, in lines where it has lines.
fn scalar(emitter: &mut Emitter<'_>, text: &str) -> io::Result<()> {
    let first = text.chars().next();
    let other_type = first.is_none_or(|c| c.is_ascii_digit() || "+-.~".contains(c))
        || matches!(
            text.to_ascii_lowercase().as_str(),
            "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    let style = if text.contains('\n') {
        ScalarStyle::Literal
    } else if other_type {
        ScalarStyle::DoubleQuoted
    } else {
        ScalarStyle::Any
    };
    emit(emitter, Event::scalar(None, None, text, true, true, style))
}
