//! From the path of a field to where it stands.

use super::read::head;
use super::text::{Node, Span, Value};
use crate::finding::Step;

/// Where a field of the object that begins at `object` stands in a document: its value if that is a scalar, else its key
/// or the beginning of the item. Of a path that there is not, as much as there is. `None`: no object begins there.
#[must_use]
pub fn field(document: &Node, object: Span, path: &[Step]) -> Option<Span> {
    let lists = document.get("items").map_or(&[][..], Node::items);
    let mut node = std::iter::once(document).chain(lists).find(|node| head(node).start == object.start)?;
    let mut found = object;
    for step in path {
        let (next, key) = match step {
            Step::Key(key) => match node.entry(key) {
                Some(entry) => (&entry.value, entry.key_span),
                None => break,
            },
            Step::Item(at) => match node.items().get(*at) {
                Some(item) => (item, head(item)),
                None => break,
            },
            Step::Holding(key, value) => match holding(node, key, value) {
                Some(held) => (held, held.span),
                None => break,
            },
        };
        let scalar = !matches!(next.value, Value::Mapping(_) | Value::Sequence(_) | Value::Null);
        found = if scalar { next.span } else { key };
        node = next;
    }
    Some(found)
}

/// The value of the first `key` within that is written so.
fn holding<'n>(node: &'n Node, key: &str, value: &str) -> Option<&'n Node> {
    match &node.value {
        Value::Mapping(entries) => {
            let own = node.get(key).filter(|n| n.as_str().or(n.as_number()) == Some(value));
            own.or_else(|| entries.iter().find_map(|entry| holding(&entry.value, key, value)))
        }
        Value::Sequence(items) => items.iter().find_map(|item| holding(item, key, value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::{documents, parse};
    use super::*;

    #[test]
    fn a_path_is_followed_as_far_as_it_goes() {
        let text = "kind: List\nitems:\n- kind: A\n  spec:\n    ports:\n    - {name: x}\n    none:\n";
        let node = parse(&documents(text.as_bytes()).unwrap()[0]).unwrap().unwrap();
        let item = head(&node.get("items").unwrap().items()[0]);
        let at = |path: &[Step]| field(&node, item, path).map(|s| (s.start.line, s.start.column));
        assert_eq!(at(&[]), Some((3, 3)));
        assert_eq!(at(&["spec".into()]), Some((4, 3)));
        assert_eq!(at(&["spec".into(), "ports".into(), 0.into()]), Some((6, 8)));
        assert_eq!(at(&["spec".into(), "ports".into(), 0.into(), "name".into()]), Some((6, 14)));
        assert_eq!(at(&["spec".into(), "none".into(), "more".into()]), Some((7, 5)));
        assert_eq!(at(&["kind".into()]), Some((3, 9)));
        let elsewhere = Span::default();
        assert_eq!(field(&node, elsewhere, &[]), None);
    }
}
