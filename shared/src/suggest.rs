//! "Did you mean": the nearest of the names that exist.

/// The candidate nearest to `wanted`, if one is near enough to be a slip of the keyboard.
///
/// Distance is Damerau-Levenshtein; at most a third of the characters (and at least one) may differ. A candidate that
/// begins with, ends with or contains a `wanted` of three characters or more counts as near, after the others.
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (wanted.chars().count() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        if candidate == wanted {
            continue;
        }
        let contains =
            wanted.len() >= 3 && (candidate.contains(wanted) || wanted.contains(candidate)) && candidate.len() >= 3;
        // A long difference in length can't be near: skip the costly distance.
        let far = candidate.len().abs_diff(wanted.len()) > limit || differing(candidate, wanted) > 2 * limit;
        let distance = if far { usize::MAX } else { strsim::damerau_levenshtein(wanted, candidate) };
        let score = if distance <= limit {
            distance
        } else if contains {
            limit + 1 + candidate.len().abs_diff(wanted.len())
        } else {
            continue;
        };
        if best.is_none_or(|(b, name)| (score, candidate) < (b, name)) {
            best = Some((score, candidate));
        }
    }
    best.map(|(_, name)| name)
}

/// How many bytes are in one and not in the other, wherever: each slip of the keyboard makes at most two of them, of one
/// character. Cheap, and never more than the distance allows for.
fn differing(a: &str, b: &str) -> usize {
    let mut counts = [0_i32; 256];
    a.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    b.bytes().for_each(|byte| counts[usize::from(byte)] -= 1);
    // A character may be of several bytes.
    let most = if a.is_ascii() && b.is_ascii() { 1 } else { 4 };
    counts.iter().map(|count| count.unsigned_abs() as usize).sum::<usize>() / most
}

/// `did you mean X?` for the nearest of `candidates`.
pub fn did_you_mean<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(wanted, candidates).map(|name| format!("did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_are_near_and_strangers_are_not() {
        let names = ["carts", "carts-db", "orders", "user"];
        assert_eq!(nearest("cart", names), Some("carts"));
        assert_eq!(nearest("oders", names), Some("orders"));
        assert_eq!(nearest("usre", names), Some("user"), "a transposition is one slip");
        assert_eq!(nearest("payment", names), None);
        assert_eq!(nearest("x", ["y", "long"]), Some("y"));
    }

    #[test]
    fn ties_are_broken_by_name() {
        assert_eq!(nearest("ab", ["ac", "aa"]), Some("aa"));
    }
}
