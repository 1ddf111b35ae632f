//! Numbers as Go reads and prints them (`strconv`, `encoding/json`).

use super::scalar::Meaning;

/// The meaning of `text`, which begins with a sign or a digit and has no `_`.
///
/// goyaml.v2 asks `strconv.ParseInt` and `ParseUint` with base 0, then for a decimal fraction.
pub(super) fn number(text: &str) -> Meaning {
    if let Some(value) = integer(text) {
        return value;
    }
    if is_float(text)
        && let Ok(value) = text.parse::<f64>()
        && value.is_finite()
    {
        return Meaning::Float(value);
    }
    Meaning::Text
}

fn integer(text: &str) -> Option<Meaning> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, digits.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if !digits.bytes().next()?.is_ascii_alphanumeric() {
        return None;
    }
    let size = u64::from_str_radix(digits, base).ok()?;
    let signed = if negative { 0_i64.checked_sub_unsigned(size) } else { i64::try_from(size).ok() };
    match signed {
        Some(value) => Some(Meaning::Int(value)),
        // `ParseUint` takes no sign.
        None if text.starts_with(|first: char| first.is_ascii_digit()) => Some(Meaning::Unsigned(size)),
        None => None,
    }
}

/// goyaml.v2's `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
fn is_float(text: &str) -> bool {
    let rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, rest) = digits(rest);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest),
        None => (0, rest),
    };
    whole + fraction > 0 && is_exponent(rest)
}

fn is_exponent(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(['e', 'E']) else {
        return text.is_empty();
    };
    let (count, rest) = digits(rest.strip_prefix(['-', '+']).unwrap_or(rest));
    count > 0 && rest.is_empty()
}

/// How many digits `text` begins with, and what follows them.
fn digits(text: &str) -> (usize, &str) {
    let rest = text.trim_start_matches(|character: char| character.is_ascii_digit());
    (text.len() - rest.len(), rest)
}

/// The number that `strconv.ParseFloat` makes of `text`, which begins with a point. A `_` between
/// two digits is allowed.
pub(super) fn fraction(text: &str) -> Option<f64> {
    let plain = if text.contains('_') {
        let bytes = text.as_bytes();
        let digit = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_digit);
        let between = |index: usize| index > 0 && digit(index - 1) && digit(index + 1);
        if bytes.iter().enumerate().any(|(index, byte)| *byte == b'_' && !between(index)) {
            return None;
        }
        &text.replace('_', "")
    } else {
        text
    };
    let value = is_float(plain).then(|| plain.parse::<f64>().ok()).flatten()?;
    value.is_finite().then_some(value)
}

/// `value` as `encoding/json` prints it; none for infinity and NaN, which it refuses.
pub(super) fn json(value: f64) -> Option<String> {
    const SMALLEST: f64 = 1e-6;
    const LARGEST: f64 = 1e21;
    if !value.is_finite() {
        return None;
    }
    let size = value.abs();
    if size == 0.0 || (SMALLEST..LARGEST).contains(&size) {
        return Some(value.to_string());
    }
    let text = format!("{value:e}");
    Some(if size >= LARGEST { text.replacen('e', "e+", 1) } else { text })
}

/// `value` as sigs.k8s.io/yaml prints it for a key: `strconv.FormatFloat(value, 'g', -1, 32)`.
pub(super) fn key(value: f64) -> String {
    if value.is_nan() {
        return ".nan".to_owned();
    }
    #[expect(clippy::cast_possible_truncation, reason = "Go prints keys with the precision of float32")]
    let short = value as f32;
    if short.is_infinite() {
        return if short > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let text = format!("{short:e}");
    let Some((digits, exponent)) = text.split_once('e') else {
        return text;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    // Go's shortest %g: an exponent below -4 or of 21 and more; here its default precision of 6.
    if (-4..6).contains(&exponent) || short == 0.0 {
        return short.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_have_go_prefixes_and_bounds() {
        assert_eq!(number("-9223372036854775808"), Meaning::Int(i64::MIN));
        assert_eq!(number("0xffffffffffffffff"), Meaning::Unsigned(u64::MAX));
        assert_eq!(number("-0xffffffffffffffff"), Meaning::Text);
        assert_eq!(number("+18446744073709551615"), Meaning::Float(18_446_744_073_709_551_615.0));
        assert_eq!(number("0x+1"), Meaning::Text);
        assert_eq!(number("00"), Meaning::Int(0));
    }

    #[test]
    fn fractions_allow_underscores_between_digits_only() {
        assert_eq!(fraction(".1_0"), Some(0.1));
        assert_eq!(fraction(".5e1_0"), Some(5e9));
        assert_eq!(fraction("._1"), None);
        assert_eq!(fraction(".1_"), None);
        assert_eq!(fraction("."), None);
    }

    #[test]
    fn json_prints_as_go_does() {
        let cases =
            [(1e20, "100000000000000000000"), (1e21, "1e+21"), (1e-6, "0.000001"), (1.5e-7, "1.5e-7"), (-0.0, "-0")];
        for (value, text) in cases {
            assert_eq!(json(value).as_deref(), Some(text));
        }
        assert_eq!(json(f64::NAN), None);
    }
}
