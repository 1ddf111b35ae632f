//! Anchors and aliases: an alias is replaced by a copy of what its anchor names, within a budget.

use std::collections::{HashMap, HashSet};

use super::error::SyntaxError;
use super::node::{Node, Value};
use super::position::Span;

/// How deeply lists and mappings may be nested.
pub(super) const MAX_DEPTH: usize = 1_000;
/// How many values all aliases of a document may bring in.
const MAX_NODES: usize = 100_000;
/// How many bytes of text all aliases of a document may bring in.
const MAX_BYTES: usize = 16 << 20;

/// The anchors of a document, as far as it has been read.
#[derive(Default)]
pub(super) struct Anchors {
    names: HashMap<String, Anchor>,
    /// The names that an alias asks for; known once the first anchor was seen.
    wanted: Option<HashSet<String>>,
    opened: u64,
    defined: Size,
    expanded: Size,
}

enum Anchor {
    /// Its value is still being read. Anchors of the same name are told apart by a number.
    Open(u64),
    /// No alias asks for it.
    Unused,
    Done(Node, Size),
}

#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
    depth: usize,
}

/// An anchor on a list or mapping that is being read.
#[derive(Debug)]
pub(super) struct Opened {
    name: String,
    number: u64,
}

impl Anchors {
    /// Notes that the value of the anchor `name` begins.
    pub(super) fn open(&mut self, name: String) -> Opened {
        self.opened += 1;
        self.names.insert(name.clone(), Anchor::Open(self.opened));
        Opened { name, number: self.opened }
    }

    /// Notes that `node` is the value of the anchor. `text` is the document's.
    ///
    /// # Errors
    /// If what the anchors name is too much to be kept.
    pub(super) fn close(&mut self, anchor: Opened, node: &Node, text: &str) -> Result<(), SyntaxError> {
        let wanted = self.wanted.get_or_insert_with(|| wanted(text)).contains(&anchor.name);
        // An anchor of the same name inside of it came later: that one holds.
        if !matches!(self.names.get(&anchor.name), Some(Anchor::Open(number)) if *number == anchor.number) {
            return Ok(());
        }
        let value = if wanted {
            let before = self.defined;
            self.defined.measure(node, 1).map_err(|()| too_much(node.span))?;
            let nodes = self.defined.nodes - before.nodes;
            let bytes = self.defined.bytes - before.bytes;
            let depth = std::mem::take(&mut self.defined.depth);
            Anchor::Done(node.clone(), Size { nodes, bytes, depth })
        } else {
            Anchor::Unused
        };
        self.names.insert(anchor.name, value);
        Ok(())
    }

    /// A copy of what the alias `name` stands for, which will be nested `depth` deep. `span` is
    /// the alias.
    ///
    /// # Errors
    /// If there is no such anchor before it, if it is inside of what it stands for, or if the
    /// aliases bring in too much.
    pub(super) fn expand(&mut self, name: &str, depth: usize, span: Span) -> Result<Node, SyntaxError> {
        let (node, size) = match self.names.get(name) {
            Some(Anchor::Done(node, size)) => (node, size),
            Some(Anchor::Open(_)) => {
                return Err(SyntaxError::new(
                    format!("the alias `*{name}` is inside of the value it stands for"),
                    span,
                ));
            }
            Some(Anchor::Unused) | None => {
                let error =
                    SyntaxError::new(format!("unknown alias `*{name}`: there is no anchor `&{name}` before it"), span);
                return Err(error.help("if it is meant as text, put it in quotes"));
            }
        };
        if depth + size.depth > MAX_DEPTH {
            return Err(too_deep(span));
        }
        self.expanded.nodes += size.nodes;
        self.expanded.bytes += size.bytes;
        if self.expanded.exceeds() { Err(too_much(span)) } else { Ok(node.clone()) }
    }
}

impl Size {
    fn exceeds(&self) -> bool {
        self.nodes > MAX_NODES || self.bytes > MAX_BYTES
    }

    /// Adds `node`, which is nested `depth` deep, or stops as soon as it is too much.
    fn measure(&mut self, node: &Node, depth: usize) -> Result<(), ()> {
        self.nodes += 1;
        self.depth = self.depth.max(depth - usize::from(!matches!(node.value, Value::Sequence(_) | Value::Mapping(_))));
        match &node.value {
            Value::String(text) | Value::Number(text) => self.bytes += text.len(),
            Value::Sequence(items) => items.iter().try_for_each(|item| self.measure(item, depth + 1))?,
            Value::Mapping(entries) => entries.iter().try_for_each(|entry| {
                self.bytes += entry.key.len();
                self.measure(&entry.value, depth + 1)
            })?,
            Value::Null | Value::Bool(_) => {}
        }
        if self.exceeds() { Err(()) } else { Ok(()) }
    }
}

/// The names after each `*` in `text`: at least those that an alias asks for.
fn wanted(text: &str) -> HashSet<String> {
    let name = |rest: &str| rest.chars().take_while(|character| is_name(*character)).collect();
    text.split('*').skip(1).map(name).collect()
}

/// Whether an anchor's name may have `character` in it (libyaml's `IS_ALPHA`).
pub(super) fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}

/// The error of a list or mapping that is nested too deeply.
pub(super) fn too_deep(span: Span) -> SyntaxError {
    SyntaxError::new(format!("lists and mappings are nested more than {MAX_DEPTH} levels deep"), span)
}

fn too_much(span: Span) -> SyntaxError {
    SyntaxError::new(
        format!("the aliases of this document stand for more than {MAX_NODES} values or 16 MiB of text"),
        span,
    )
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

    #[test]
    fn an_alias_is_a_copy_with_the_span_of_its_anchor() -> Result<(), SyntaxError> {
        let node = parse("a: &x [1]\nb: *x\n", START)?;
        let (Some(first), Some(second)) =
            (node.as_ref().and_then(|node| node.get("a")), node.as_ref().and_then(|node| node.get("b")))
        else {
            return Err(SyntaxError::new("no mapping", Span::default()));
        };
        assert_eq!(first, second);
        assert_eq!(first.span, Span::new(Position::new(1, 7), Position::new(1, 10)));
        Ok(())
    }

    #[test]
    fn unknown_and_recursive_aliases() {
        let unknown = error("a: *x\n");
        assert_eq!(unknown.message, "unknown alias `*x`: there is no anchor `&x` before it");
        assert_eq!(unknown.span, Span::new(Position::new(1, 4), Position::new(1, 6)));
        assert_eq!(unknown.help.as_deref(), Some("if it is meant as text, put it in quotes"));
        let recursive = error("a: &x\n  b: *x\n");
        assert_eq!(recursive.message, "the alias `*x` is inside of the value it stands for");
        assert_eq!(recursive.span.start, Position::new(2, 6));
    }

    #[test]
    fn the_later_anchor_of_a_name_holds() {
        let node = parse("- &x [&x 1, 2]\n- *x\n- &x 3\n- *x\n", START);
        let texts: Vec<_> = node.iter().flatten().flat_map(Node::items).map(Node::as_number).collect();
        assert_eq!(texts, [None, Some("1"), Some("3"), Some("3")]);
    }

    #[test]
    fn a_bomb_is_stopped() {
        let nines =
            (1..30).map(|level| format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 9].join(", ")));
        let bomb = format!("a0: &a0 [x]\n{}", nines.collect::<Vec<_>>().concat());
        assert!(error(&bomb).message.starts_with("the aliases of this document stand for more than"));
        let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 20].join(", "));
        assert!(error(&long).message.starts_with("the aliases of this document stand for more than"));
        let links = (1..1200).map(|level| format!("a{level}: &a{level} [*a{}]\n", level - 1));
        let deep = format!("a0: &a0 [x]\n{}", links.collect::<Vec<_>>().concat());
        let message = error(&deep).message;
        assert!(message.starts_with("the aliases") || message.contains("nested"), "{message}");
    }

    #[test]
    fn the_depth_counts_what_an_alias_brings_in() {
        let brackets = |depth: usize, core: &str| format!("{}{core}{}", "[".repeat(depth), "]".repeat(depth));
        let text = |inner| format!("- &a {}\n- {}\n", brackets(600, "x"), brackets(inner, "*a"));
        assert!(parse(&text(399), START).is_ok());
        assert_eq!(error(&text(400)).message, "lists and mappings are nested more than 1000 levels deep");
    }
}
