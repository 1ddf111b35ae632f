//! When an approval is to end, as a person says it.

use jiff::{SignedDuration, Timestamp};

use crate::manifest::{TOO_LATE, is_rfc3339};
use crate::names::printable;

/// The moment that `text` means at `now`: a span such as `90d`, `12h` or `2w`, or a time or date of RFC 3339. A date is
/// its beginning in UTC.
///
/// # Errors
/// What was read and what was expected; a moment that is past, or later than an approval can name.
pub fn expiry(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let shown = printable(text);
    let expected = format!("`{shown}` is no time to expire at: 90d, 12h, 2w or 2027-06-30T00:00:00Z was expected");
    let too_late = || format!("`{shown}` is too late: leave --expires out where the approval never expires");
    let at = if let Some((amount, hours)) = span(text) {
        let span = amount.and_then(|n| n.checked_mul(hours)).map(SignedDuration::from_hours);
        // Nobody counts fractions of a second from here.
        let start = Timestamp::from_second(now.as_second()).map_err(|_| too_late())?;
        span.and_then(|span| start.checked_add(span).ok()).ok_or_else(too_late)?
    } else {
        let whole = if text.len() == "2027-06-30".len() { format!("{text}T00:00:00Z") } else { text.to_owned() };
        if !is_rfc3339(&whole) {
            return Err(expected);
        }
        // What is after the calendar's end is a time, and too late.
        whole.parse().map_err(|_| if text.starts_with("999") { too_late() } else { expected })?
    };
    if at >= TOO_LATE {
        return Err(too_late());
    }
    if at <= now {
        return Err(format!("`{shown}` is past: the approval would never hold"));
    }
    Ok(at)
}

/// A number and how many hours its unit has; no number where it has too many digits.
fn span(text: &str) -> Option<(Option<i64>, i64)> {
    let hours = match text.chars().next_back()? {
        'h' => 1,
        'd' => 24,
        'w' => 7 * 24,
        _ => return None,
    };
    let digits = &text[..text.len() - 1];
    let good = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    // The largest span is left to the calendar, which ends long before.
    good.then(|| (digits.parse().ok().filter(|n| *n < 1_000_000_000), hours))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Result<String, String> {
        expiry(text, "2027-01-01T10:00:00.5Z".parse().unwrap()).map(|at| at.to_string())
    }

    #[test]
    fn spans_times_and_dates() {
        for (text, expected) in [
            ("90d", "2027-04-01T10:00:00Z"),
            ("12h", "2027-01-01T22:00:00Z"),
            ("2w", "2027-01-15T10:00:00Z"),
            ("2027-06-30", "2027-06-30T00:00:00Z"),
            ("2027-06-30T12:00:00+02:00", "2027-06-30T10:00:00Z"),
        ] {
            assert_eq!(at(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_told() {
        for text in
            ["", "d", "90", "90x", "-1d", "1.5d", "tomorrow", "2027-13-01", "2027-02-30", "2027-06-30T12:00", "é", "9é"]
        {
            assert!(at(text).unwrap_err().contains("was expected"), "{text}: {:?}", at(text));
        }
        for text in ["0d", "2026-12-31", "2027-01-01T10:00:00Z"] {
            assert!(at(text).unwrap_err().contains("is past"), "{text}");
        }
        for text in ["9999-12-31", "999999999w", "99999999999999999999d", "10000000d"] {
            assert!(at(text).unwrap_err().contains("too late"), "{text}: {:?}", at(text));
        }
    }
}
