//! The text in a `!!binary` scalar.

/// The text that `encoded` holds: Go's `base64.StdEncoding`, which skips line breaks and wants the
/// padding; bytes that are no UTF-8 become U+FFFD, as `encoding/json` prints them. None if it is
/// not base64.
pub(super) fn decode(encoded: &str) -> Option<String> {
    const GROUP: usize = 4;
    let symbols: Vec<u8> = encoded.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    if !symbols.len().is_multiple_of(GROUP) {
        return None;
    }
    let padding = symbols.iter().rev().take_while(|byte| **byte == b'=').count();
    let data = symbols.get(..symbols.len() - padding)?;
    if padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(data.len());
    for group in data.chunks(GROUP) {
        let mut bits = 0_u32;
        for symbol in group {
            bits = bits << 6 | sextet(*symbol)?;
        }
        bits <<= 6 * (GROUP - group.len());
        let [_, decoded @ ..] = bits.to_be_bytes();
        bytes.extend(decoded.iter().take(group.len().saturating_sub(1)));
    }
    Some(text(&bytes))
}

fn sextet(symbol: u8) -> Option<u32> {
    let value = match symbol {
        b'A'..=b'Z' => symbol - b'A',
        b'a'..=b'z' => symbol - b'a' + 26,
        b'0'..=b'9' => symbol - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

/// Go replaces each wrong byte on its own.
fn text(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn decodes_what_go_does() {
        assert_eq!(decode("aGVsbG8=").as_deref(), Some("hello"));
        assert_eq!(decode("aGVs\nbG8h").as_deref(), Some("hello!"));
        assert_eq!(decode("/w==").as_deref(), Some("\u{FFFD}"));
        assert_eq!(decode("").as_deref(), Some(""));
        for wrong in ["a", "aGVsbG8", "a===", "aG=s", "aGV!"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
