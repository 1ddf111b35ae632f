//! What an explicit tag (`!!str`, `!!int`, …) makes of a scalar: goyaml.v2's `resolve.go` and
//! `decode.go`.

use super::scalar::{Meaning, plain};
use super::{base64, timestamp};

const PREFIX: &str = "tag:yaml.org,2002:";

/// What a tagged scalar is: a meaning of its text, or another text.
pub(super) enum Tagged {
    /// A meaning of the text as it stands.
    Meaning(Meaning),
    /// The text that was encoded in it.
    Decoded(String),
}

/// What `tag`, in the long form that the parser reports, makes of `text`.
///
/// # Errors
/// A message if the tag does not fit the text.
pub(super) fn resolve(tag: &str, text: &str) -> Result<Tagged, String> {
    let name = tag.strip_prefix(PREFIX).unwrap_or_default();
    let meaning = match name {
        "binary" => {
            return base64::decode(text)
                .map(Tagged::Decoded)
                .ok_or_else(|| "the value of !!binary is not base64".to_owned());
        }
        "null" | "bool" | "int" | "float" => plain(text),
        "timestamp" if timestamp::is_timestamp(text) => Meaning::Text,
        "timestamp" => return Err(misfit(text, "a date or time", name)),
        // `!!str`, and what goyaml.v2 does not know: the text as it stands.
        _ => return Ok(Tagged::Meaning(Meaning::Text)),
    };
    let whole = matches!(meaning, Meaning::Verbatim | Meaning::Int(_));
    let (fits, what) = match name {
        "null" => (meaning == Meaning::Null, "null"),
        "bool" => (matches!(meaning, Meaning::Bool(_)), "a boolean"),
        "int" => (whole || matches!(meaning, Meaning::Unsigned(_)), "a whole number"),
        "float" => (whole || matches!(meaning, Meaning::Float(_)), "a number"),
        _ => (true, ""),
    };
    match (fits, meaning) {
        (false, _) => Err(misfit(text, what, name)),
        #[expect(clippy::cast_precision_loss, reason = "as goyaml.v2 does")]
        (true, Meaning::Int(value)) if name == "float" => Ok(Tagged::Meaning(Meaning::Float(value as f64))),
        (true, Meaning::Verbatim) if name == "float" => {
            Ok(Tagged::Meaning(text.parse().map_or(Meaning::Text, Meaning::Float)))
        }
        (true, meaning) => Ok(Tagged::Meaning(meaning)),
    }
}

fn misfit(text: &str, what: &str, name: &str) -> String {
    format!("`{}` is not {what}, as its tag `!!{name}` says", super::error::shown(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::text::node::Value;

    fn value(name: &str, text: &str) -> Result<Option<Value>, String> {
        resolve(&format!("{PREFIX}{name}"), text).map(|tagged| match tagged {
            Tagged::Meaning(meaning) => meaning.value(text.to_owned()),
            Tagged::Decoded(text) => Some(Value::String(text)),
        })
    }

    #[test]
    fn tags_that_fit() {
        let number = |text: &str| Ok(Some(Value::Number(text.to_owned())));
        let string = |text: &str| Ok(Some(Value::String(text.to_owned())));
        assert_eq!(value("int", "0x10"), number("16"));
        assert_eq!(value("float", "3"), number("3"));
        assert_eq!(value("str", "3"), string("3"));
        assert_eq!(value("set", "3"), string("3"));
        assert_eq!(value("binary", "aGk="), string("hi"));
        assert_eq!(value("timestamp", "2001-01-01"), string("2001-01-01"));
        assert_eq!(value("null", "~"), Ok(Some(Value::Null)));
        assert_eq!(value("bool", "on"), Ok(Some(Value::Bool(true))));
    }

    #[test]
    fn tags_that_do_not_fit() {
        assert_eq!(value("int", "x"), Err("`x` is not a whole number, as its tag `!!int` says".to_owned()));
        assert_eq!(value("null", "x"), Err("`x` is not null, as its tag `!!null` says".to_owned()));
        assert!(value("float", "18446744073709551615").is_err());
        assert_eq!(value("binary", "?"), Err("the value of !!binary is not base64".to_owned()));
        assert_eq!(value("timestamp", "x"), Err("`x` is not a date or time, as its tag `!!timestamp` says".to_owned()));
    }
}
