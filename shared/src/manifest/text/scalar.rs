//! What an untagged plain scalar means: goyaml.v2's `resolve.go`, which is YAML 1.1 with some of
//! 1.2.

use super::node::Value;
use super::number;

/// What a scalar means.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Meaning {
    /// Its text.
    Text,
    /// Null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number whose text is already as JSON and Go print it.
    Verbatim,
    /// A whole number that fits Go's `int`.
    Int(i64),
    /// A whole number beyond that.
    Unsigned(u64),
    /// Any other number, also infinity and NaN.
    Float(f64),
}

impl Meaning {
    /// The value that JSON makes of it; none if JSON has no such number. `text` is the scalar's.
    pub(super) fn value(self, text: String) -> Option<Value> {
        Some(match self {
            Self::Text => Value::String(text),
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Verbatim => Value::Number(text),
            Self::Int(value) => Value::Number(value.to_string()),
            Self::Unsigned(value) => Value::Number(value.to_string()),
            Self::Float(value) => Value::Number(number::json(value)?),
        })
    }

    /// The string that sigs.k8s.io/yaml makes of it as a key (`convertToJSONableObject`); none for
    /// null and for whole numbers of more than 63 bits, which it refuses.
    pub(super) fn key(self, text: String) -> Option<String> {
        match self {
            Self::Text | Self::Verbatim => Some(text),
            Self::Bool(value) => Some(value.to_string()),
            Self::Int(value) => Some(value.to_string()),
            Self::Float(value) => Some(number::key(value)),
            Self::Null | Self::Unsigned(_) => None,
        }
    }
}

/// The meaning of the plain scalar `text`.
pub(super) fn plain(text: &str) -> Meaning {
    let Some(first) = text.bytes().next() else {
        return Meaning::Null;
    };
    match first {
        b'0'..=b'9' | b'+' | b'-' => signed(text),
        b'.' => point(text),
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(text),
        _ => Meaning::Text,
    }
}

fn word(text: &str) -> Meaning {
    const LONGEST: usize = 5;
    if text.len() > LONGEST {
        return Meaning::Text;
    }
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Meaning::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Meaning::Bool(false),
        "~" | "null" | "Null" | "NULL" => Meaning::Null,
        _ => Meaning::Text,
    }
}

fn point(text: &str) -> Meaning {
    match text {
        ".nan" | ".NaN" | ".NAN" => Meaning::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" => Meaning::Float(f64::INFINITY),
        _ => number::fraction(text).map_or(Meaning::Text, Meaning::Float),
    }
}

fn signed(text: &str) -> Meaning {
    match text {
        "+.inf" | "+.Inf" | "+.INF" => return Meaning::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Meaning::Float(f64::NEG_INFINITY),
        _ => {}
    }
    if is_canonical(text) {
        return Meaning::Verbatim;
    }
    // Most of what begins with a digit is an address, a version or a quantity.
    let numeric =
        |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b'_' | b'.' | b'+' | b'-' | b'x' | b'X' | b'o' | b'O');
    if !text.bytes().all(numeric) {
        return Meaning::Text;
    }
    if text.contains('_') { number::number(&text.replace('_', "")) } else { number::number(text) }
}

/// Whether `text` is a whole number as Go prints it, which surely fits.
fn is_canonical(text: &str) -> bool {
    const FITS: usize = 18;
    let bytes = text.as_bytes();
    bytes == b"0"
        || bytes.len() <= FITS && matches!(bytes.first(), Some(b'1'..=b'9')) && bytes.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_yaml_1_1_are_booleans_and_null() {
        for text in ["y", "Yes", "ON", "true", "TRUE"] {
            assert_eq!(plain(text), Meaning::Bool(true), "{text}");
        }
        for text in ["n", "No", "off", "False"] {
            assert_eq!(plain(text), Meaning::Bool(false), "{text}");
        }
        for text in ["", "~", "null", "NULL"] {
            assert_eq!(plain(text), Meaning::Null, "{text}");
        }
        for text in ["yEs", "nULL", "tRUE", "None", "oN", "nope", "frontend", "<<", "="] {
            assert_eq!(plain(text), Meaning::Text, "{text}");
        }
    }

    #[test]
    fn numbers_in_every_base() {
        let value = |text: &str| plain(text).value(text.to_owned());
        let cases = [
            ("8080", "8080"),
            ("0", "0"),
            ("-1", "-1"),
            ("+1", "1"),
            ("0x1F", "31"),
            ("0X1f", "31"),
            ("017", "15"),
            ("0o17", "15"),
            ("08", "8"),
            ("0b11", "3"),
            ("-0b11", "-3"),
            ("1_000", "1000"),
            ("1__0", "10"),
            ("9223372036854775807", "9223372036854775807"),
            ("18446744073709551615", "18446744073709551615"),
            ("18446744073709551616", "18446744073709552000"),
            ("-9223372036854775809", "-9223372036854776000"),
            ("1e3", "1000"),
            ("1.50", "1.5"),
            ("1.", "1"),
            (".5", "0.5"),
            (".1_0", "0.1"),
            ("-.5", "-0.5"),
            ("-0.0", "-0"),
            ("-0", "0"),
            ("1e21", "1e+21"),
            ("1e-7", "1e-7"),
            ("1e-400", "0"),
        ];
        for (text, number) in cases {
            assert_eq!(value(text), Some(Value::Number(number.to_owned())), "{text}");
        }
        for text in [
            "1.2.3",
            "10.0.0.0/8",
            "100m",
            "1e",
            "+",
            "-",
            ".",
            "..",
            "0x",
            "0xg",
            "1e400",
            ".5.",
            ".e3",
            "1:30",
            "2001-01-01",
            "._1",
            "0o8",
            "1_0x",
            "--1",
            "+-1",
            "- 1",
            "0b2",
            "1-2",
        ] {
            assert_eq!(plain(text), Meaning::Text, "{text}");
        }
        assert_eq!(value(".inf"), None);
        assert_eq!(value("-.INF"), None);
        assert_eq!(value(".nan"), None);
    }

    #[test]
    fn keys_are_strings_as_sigs_yaml_makes_them() {
        let key = |text: &str| plain(text).key(text.to_owned());
        let cases = [
            ("1", "1"),
            ("0x10", "16"),
            ("yes", "true"),
            ("1.5", "1.5"),
            ("1e10", "1e+10"),
            (".inf", ".inf"),
            ("-.inf", "-.inf"),
            (".nan", ".nan"),
            ("3.14159265358979", "3.1415927"),
            ("100000.5", "100000.5"),
            ("1234567.5", "1.2345675e+06"),
            ("0.00001", "1e-05"),
            ("name", "name"),
        ];
        for (text, expected) in cases {
            assert_eq!(key(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(key("~"), None);
        assert_eq!(key("18446744073709551615"), None);
    }
}
