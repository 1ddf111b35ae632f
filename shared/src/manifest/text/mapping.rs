//! A mapping while it is being read: duplicate keys, and merges (`<<`).

use std::collections::HashMap;

use super::error::{SyntaxError, duplicate};
use super::node::{Entry, Node, Value};
use super::position::Span;

/// Up to so many keys each is compared with each.
const FEW: usize = 16;

/// A mapping: its entries are those of the builder from number `first` on.
pub(super) struct Mapping {
    first: usize,
    key: Key,
    merge: Option<Merge>,
}

#[derive(Default)]
enum Key {
    #[default]
    Expected,
    Text(String, Span),
    Merge(Span),
}

/// `<<: value`, which stood before the entry number `at`.
struct Merge {
    at: usize,
    key_span: Span,
    value: Node,
}

impl Mapping {
    /// A mapping whose entries begin at number `first`.
    pub(super) fn new(first: usize) -> Self {
        Self { first, key: Key::Expected, merge: None }
    }

    /// The number of its first entry.
    pub(super) fn first(&self) -> usize {
        self.first
    }

    /// Whether a key comes next, not a value.
    pub(super) fn expects_key(&self) -> bool {
        matches!(self.key, Key::Expected)
    }

    /// Takes a key.
    pub(super) fn key(&mut self, key: String, span: Span) {
        self.key = Key::Text(key, span);
    }

    /// Takes the key `<<`.
    ///
    /// # Errors
    /// If there was one already.
    pub(super) fn merge_key(&mut self, span: Span) -> Result<(), SyntaxError> {
        if let Some(first) = &self.merge {
            return Err(duplicate("<<", first.key_span, span)
                .help("merge several with one key, `<<: [*one, *other]`: the first wins"));
        }
        self.key = Key::Merge(span);
        Ok(())
    }

    /// Takes the value of the last key into `entries`, those of all open mappings. `alias` says that it came from an alias.
    ///
    /// # Errors
    /// If it is to be merged and cannot be.
    pub(super) fn value(&mut self, entries: &mut Vec<Entry>, value: Node, alias: bool) -> Result<(), SyntaxError> {
        match std::mem::take(&mut self.key) {
            Key::Text(key, key_span) => entries.push(Entry { key, key_span, value }),
            Key::Merge(key_span) => {
                check_mergeable(&value, alias, key_span)?;
                self.merge = Some(Merge { at: entries.len() - self.first, key_span, value });
            }
            // The parser always reports a key before its value.
            Key::Expected => {}
        }
        Ok(())
    }

    /// The span of whatever ends the mapping that has these `entries`.
    pub(super) fn end(&self, entries: &[Entry]) -> Option<Span> {
        let merged = self.merge.as_ref().map(|merge| merge.key_span);
        entries.last().map(|entry| entry.value.span.max(entry.key_span)).max(merged)
    }

    /// The mapping's own `entries`, with what was merged.
    ///
    /// # Errors
    /// If a key is there twice.
    pub(super) fn finish(self, entries: Vec<Entry>) -> Result<Vec<Entry>, SyntaxError> {
        check_duplicates(&entries)?;
        Ok(match self.merge {
            Some(merge) => merged(entries, merge),
            None => entries,
        })
    }
}

/// Finds the first key of `entries` that is there twice.
///
/// # Errors
/// If there is one.
pub(super) fn check_duplicates(entries: &[Entry]) -> Result<(), SyntaxError> {
    let pair = if entries.len() <= FEW {
        entries.iter().enumerate().find_map(|(index, second)| {
            let first = entries.iter().take(index).find(|first| first.key == second.key)?;
            Some((first, second))
        })
    } else {
        // Sorted, not hashed: no input makes this slow.
        let mut sorted: Vec<&Entry> = entries.iter().collect();
        sorted.sort_by(|one, other| one.key.cmp(&other.key));
        sorted
            .windows(2)
            .filter_map(|pair| match pair {
                [first, second] if first.key == second.key => Some((*first, *second)),
                _ => None,
            })
            .min_by_key(|(_, second)| second.key_span.start)
    };
    pair.map_or(Ok(()), |(first, second)| Err(duplicate(&second.key, first.key_span, second.key_span)))
}

fn check_mergeable(value: &Node, alias: bool, key_span: Span) -> Result<(), SyntaxError> {
    let is_mapping = |node: &Node| matches!(node.value, Value::Mapping(_));
    let culprit = match &value.value {
        Value::Mapping(_) => None,
        // goyaml.v2 looks for the mappings in a list, not in an alias of one.
        Value::Sequence(items) if !alias => items.iter().find(|item| !is_mapping(item)),
        _ => Some(value),
    };
    culprit.map_or(Ok(()), |node| {
        let name = node.type_name();
        let span = if alias { key_span } else { node.span };
        Err(SyntaxError::new(format!("`<<` merges a mapping or a list of mappings, found a {name}"), span))
    })
}

/// What goyaml.v2 (`decode.go`, `merge`) makes of a merge: it sets the keys at the place of the
/// `<<`, so they replace those before it and are replaced by those after it. In a list, the first
/// mapping wins.
fn merged(entries: Vec<Entry>, merge: Merge) -> Vec<Entry> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut out: Vec<Entry> = Vec::with_capacity(entries.len());
    let mut set = |entry: Entry| {
        if let Some(old) = places.get(&entry.key).and_then(|place| out.get_mut(*place)) {
            *old = entry;
        } else {
            places.insert(entry.key.clone(), out.len());
            out.push(entry);
        }
    };
    let mut entries = entries.into_iter();
    entries.by_ref().take(merge.at).for_each(&mut set);
    match merge.value.value {
        Value::Mapping(mapping) => mapping.into_iter().for_each(&mut set),
        Value::Sequence(items) => {
            for item in items.into_iter().rev() {
                if let Value::Mapping(mapping) = item.value {
                    mapping.into_iter().for_each(&mut set);
                }
            }
        }
        _ => {}
    }
    entries.for_each(&mut set);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::text::position::Position;
    use crate::manifest::text::yaml::parse;

    const START: Position = Position::new(1, 1);

    fn error(text: &str) -> SyntaxError {
        parse(text, START).err().unwrap_or_else(|| SyntaxError::new("no error", Span::default()))
    }

    fn flat(text: &str, path: &str) -> Vec<(String, String)> {
        let node = parse(text, START).unwrap_or_default();
        let entries = node.as_ref().and_then(|node| node.get(path)).map(Node::entries).unwrap_or_default();
        let pair = |entry: &Entry| (entry.key.clone(), entry.value.as_number().unwrap_or_default().to_owned());
        entries.iter().map(pair).collect()
    }

    #[test]
    fn duplicates_in_small_and_large_mappings() {
        let small = error("a: 1\nb: 2\n\"a\": 3\n");
        assert_eq!(small.message, "duplicate key `a`: it is already set in line 1");
        assert_eq!(small.span, Span::new(Position::new(3, 1), Position::new(3, 4)));
        let mut text = (0..100).map(|key| format!("key{key}: 1\n")).collect::<Vec<_>>().concat();
        text.push_str("key70: 1\nkey3: 1\n");
        let large = error(&text);
        assert_eq!(large.message, "duplicate key `key70`: it is already set in line 71");
        assert_eq!(large.span, Span::new(Position::new(101, 1), Position::new(101, 6)));
        assert_eq!(error("1: a\n\"1\": b\n").message, "duplicate key `1`: it is already set in line 1");
        assert_eq!(error("{a: 1, a: 2}").span.start, Position::new(1, 8));
    }

    #[test]
    fn a_merge_sets_its_keys_where_it_stands() {
        let pairs = |pairs: &[(&str, &str)]| -> Vec<_> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        assert_eq!(flat("x: {<<: {a: 1, b: 2}, a: 3}", "x"), pairs(&[("a", "3"), ("b", "2")]));
        assert_eq!(flat("x: {a: 3, <<: {a: 1, b: 2}}", "x"), pairs(&[("a", "1"), ("b", "2")]));
        let list = "o: &o {a: 1}\np: &p {a: 2, b: 2}\nx:\n  <<: [*o, *p]\n  c: 3\n";
        assert_eq!(flat(list, "x"), pairs(&[("a", "1"), ("b", "2"), ("c", "3")]));
        assert_eq!(flat("x: {\"<<\": 5}", "x"), pairs(&[("<<", "5")]));
    }

    #[test]
    fn what_cannot_be_merged() {
        assert_eq!(error("<<: 1\n").message, "`<<` merges a mapping or a list of mappings, found a number");
        assert_eq!(
            error("a: &a [{b: 1}]\n<<: *a\n").message,
            "`<<` merges a mapping or a list of mappings, found a list"
        );
        let twice = error("<<: {a: 1}\n<<: {b: 1}\n");
        assert_eq!(twice.message, "duplicate key `<<`: it is already set in line 1");
        assert_eq!(twice.help.as_deref(), Some("merge several with one key, `<<: [*one, *other]`: the first wins"));
    }
}
