//! Whether a scalar is a date or time. It stays a string either way; only an explicit `!!timestamp`
//! wants to know.

/// Whether goyaml.v2's `parseTimestamp` takes `text`.
pub(super) fn is_timestamp(text: &str) -> bool {
    date(text).is_some()
}

fn date(text: &str) -> Option<()> {
    let (year, rest) = number(text, 4, 4)?;
    let (month, rest) = number(rest.strip_prefix('-')?, 1, 2)?;
    let (day, rest) = number(rest.strip_prefix('-')?, 1, 2)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => return None,
    };
    if day == 0 || day > days {
        return None;
    }
    if rest.is_empty() {
        return Some(());
    }
    if let Some(rest) = rest.strip_prefix(' ') {
        return time(rest)?.is_empty().then_some(());
    }
    zone(time(rest.strip_prefix(['T', 't'])?)?)
}

/// What follows the time that `text` begins with.
fn time(text: &str) -> Option<&str> {
    let (hour, rest) = number(text, 1, 2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 1, 2)?;
    let (second, rest) = number(rest.strip_prefix(':')?, 1, 2)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let Some(fraction) = rest.strip_prefix(['.', ',']) else {
        return Some(rest);
    };
    let after = fraction.trim_start_matches(|character: char| character.is_ascii_digit());
    (after.len() < fraction.len()).then_some(after)
}

fn zone(text: &str) -> Option<()> {
    if text == "Z" {
        return Some(());
    }
    let (hour, rest) = number(text.strip_prefix(['+', '-'])?, 2, 2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 2, 2)?;
    (hour <= 24 && minute <= 60 && rest.is_empty()).then_some(())
}

/// The number of `least` to `most` digits that `text` begins with, and what follows.
fn number(text: &str, least: usize, most: usize) -> Option<(u32, &str)> {
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count < least {
        return None;
    }
    let (digits, rest) = text.split_at_checked(count)?;
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::is_timestamp;

    #[test]
    fn the_four_forms_of_goyaml() {
        for text in
            ["2001-1-2", "2001-12-14t21:59:43.10-05:00", "2001-12-14T21:59:43Z", "2001-12-14 21:59:43.1", "2024-02-29"]
        {
            assert!(is_timestamp(text), "{text}");
        }
        for text in
            ["2001", "01-1-2", "2001-13-1", "2023-02-29", "2001-1-2T1:2:3", "2001-12-14 21:59:43.10 -5", "2001-1-2x"]
        {
            assert!(!is_timestamp(text), "{text}");
        }
    }
}
