//! An approval out of a file.

use super::anchors::has_anchors;
use super::document::document;
use super::element::{element, place_of};
use super::lines::Lines;
use super::{EditError, Result, append, check, trees, without};
use crate::approval::{Approval, Cut, CutOut, Draft};
use crate::callee::CalleePattern;
use crate::caller::CallerPattern;
use crate::finding::ObjectName;
use crate::manifest::text::{Document, Node, Value, documents, parse};
use crate::manifest::{Object, decode};

/// A file from which approvals were taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// What is in it now.
    pub text: String,
    /// What was taken, in order.
    pub taken: Vec<Taken>,
    /// Whether nothing is left, and the file may have been made by [`super::append()`]: then it may go.
    pub is_spent: bool,
}

/// One thing that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// From which object.
    pub object: ObjectName,
    /// What.
    pub cut: Cut,
    /// The name of the object that was added, for what the caller may still call.
    pub added: Option<ObjectName>,
}

/// Takes every approval of just this caller for just this callee out of a file. `None` where there is none. Objects that name
/// no namespace are in `namespace`; `taken` says whether an object has a name already.
///
/// # Errors
/// Where the file can't be read, or is written in a way that can't be edited without a doubt. Then nothing is changed.
pub fn revoke(
    file: &str,
    caller: &CallerPattern,
    callee: &CalleePattern,
    namespace: &str,
    taken: &dyn Fn(&Draft) -> bool,
) -> Result<Option<Revoked>> {
    let (mark, body) = file.split_at(file.len() - file.strip_prefix('\u{FEFF}').unwrap_or(file).len());
    let mut text = file.to_owned();
    let mut all: Vec<Taken> = Vec::new();
    // One after the other: each is read, cut and checked by itself, and the last one leaves nothing to find.
    loop {
        let files = documents(text.as_bytes())?;
        let Some(found) = find(&files, caller, callee, namespace)? else { break };
        let CutOut { cut, rest } = found.cut_out;
        let object = ObjectName::new(found.kind, &found.approval.metadata);
        let rest = rest.map(|mut rest| {
            let is_added = |draft: &Draft| all.iter().any(|taken| taken.added.as_ref() == Some(&name(draft)));
            rest.rename(&|draft| taken(draft) || is_added(draft));
            rest
        });
        let next = found.place.cut(&text, &files, cut, rest.as_ref())?;
        all.push(Taken { object, cut, added: rest.as_ref().map(name) });
        text = next;
    }
    if all.is_empty() {
        return Ok(None);
    }
    // What `append` makes of no file at all begins with no separator.
    let is_spent = text.is_empty() && mark.is_empty() && !body.starts_with("---");
    Ok(Some(Revoked { text, taken: all, is_spent }))
}

fn name(draft: &Draft) -> ObjectName {
    let namespace = draft.namespace.clone().unwrap_or_default();
    ObjectName { kind: draft.kind().into(), namespace, name: draft.name.clone() }
}

/// An approval, and where it is.
struct Found {
    place: Place,
    kind: &'static str,
    approval: Approval,
    cut_out: CutOut,
}

/// Where an object is: in which document, and in a List which of its items.
struct Place {
    document: usize,
    item: Option<usize>,
    node: Node,
}

fn find(
    files: &[Document<'_>],
    caller: &CallerPattern,
    callee: &CalleePattern,
    namespace: &str,
) -> Result<Option<Found>> {
    for (at, document) in files.iter().enumerate() {
        let Some(node) = parse(document)? else { continue };
        let decoded = decode(&node, 0, namespace).map_err(|error| EditError {
            message: error.message,
            help: error.help,
            at: Some(error.origin.span.start),
        })?;
        let is_list = is_list(&node);
        for (number, object) in decoded.objects.into_iter().enumerate() {
            let Object::Approval(approval) = object else { continue };
            let Some(cut_out) = approval.without(caller, callee) else { continue };
            let place = Place { document: at, item: is_list.then_some(number), node };
            return Ok(Some(Found { place, kind: approval.kind(), approval: *approval, cut_out }));
        }
    }
    Ok(None)
}

/// Whether the objects of a document are the items of a list; otherwise it is one object itself.
pub(super) fn is_list(node: &Node) -> bool {
    node.get("kind").and_then(Node::as_str).is_some_and(|kind| kind.ends_with("List"))
}

impl Place {
    /// The file without a part of the object, and with what is to be added; read again and checked.
    fn cut(&self, text: &str, files: &[Document<'_>], cut: Cut, rest: Option<&Draft>) -> Result<String> {
        let body = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let mark = &text[..text.len() - body.len()];
        let lines = Lines::new(body);
        let items = self.node.get("items");
        // The last item of a List takes the List along.
        let goes = cut == Cut::Whole && items.is_none_or(|items| self.item.is_none() || items.items().len() == 1);
        let whole_item = self.item.zip(items).filter(|_| cut == Cut::Whole);
        let parts = if goes {
            vec![document(&lines, files, self.document, &self.node)?]
        } else {
            if has_anchors(&files[self.document]) {
                let error = EditError::new("the document has anchors or aliases: a change might not stay in its place");
                return Err(error.help("take it out by hand").at(self.node.span.start));
            }
            match (whole_item, self.list(cut)) {
                (Some((item, items)), _) => element(&lines, items, item)?,
                (None, Some((parent, at))) => element(&lines, parent, at)?,
                (None, None) => return Err(EditError::by_hand(self.node.span.start)),
            }
        };
        let by_hand = || EditError::by_hand(self.place_of(cut));
        let mut cut_text = format!("{mark}{}", without(body, parts).ok_or_else(by_hand)?);
        let mut expected = trees(text)?;
        self.expect(&mut expected, files, cut, goes).ok_or_else(by_hand)?;
        check(&cut_text, &expected).map_err(|error| error.help("take it out by hand").at(self.place_of(cut)))?;
        if let Some(rest) = rest {
            cut_text = append(Some(&cut_text), &rest.manifest()).map_err(|error| {
                let help = format!("first approve {} by itself in a YAML file", rest.full_name());
                error.help(help).at(self.place_of(cut))
            })?;
        }
        Ok(cut_text)
    }

    /// The object's own node.
    fn object<'n>(&self, document: &'n Node) -> Option<&'n Node> {
        match self.item {
            None => Some(document),
            Some(at) => document.get("items")?.items().get(at),
        }
    }

    /// The list or mapping that a part of the object is an element of, and which.
    fn list(&self, cut: Cut) -> Option<(&Node, usize)> {
        let spec = self.object(&self.node)?.get("spec")?;
        match cut {
            Cut::Whole => None,
            Cut::Callers => Some((spec, spec.entries().iter().position(|entry| entry.key == "callers")?)),
            Cut::Caller(at) => Some((spec.get("callers")?, at)),
            Cut::Callee(at) => Some((spec.get("callees")?, at)),
        }
    }

    fn place_of(&self, cut: Cut) -> crate::manifest::text::Position {
        self.list(cut).map_or(self.node.span.start, |(parent, at)| place_of(parent, at))
    }

    /// The trees that the file must have afterwards.
    fn expect(&self, trees: &mut Vec<Node>, files: &[Document<'_>], cut: Cut, goes: bool) -> Option<()> {
        // Documents without anything in them have no tree.
        let before = files[..self.document].iter().filter(|document| matches!(parse(document), Ok(Some(_)))).count();
        if goes {
            trees.remove(before);
            return Some(());
        }
        let mut node = trees.get_mut(before)?;
        if let Some(item) = self.item {
            let items = items_of(value_of(node, "items")?)?;
            if cut == Cut::Whole {
                items.remove(item);
                return Some(());
            }
            node = items.get_mut(item)?;
        }
        let spec = value_of(node, "spec")?;
        match cut {
            Cut::Whole => return None,
            Cut::Callers => {
                let Value::Mapping(entries) = &mut spec.value else { return None };
                entries.retain(|entry| entry.key != "callers");
            }
            Cut::Caller(at) => drop(items_of(value_of(spec, "callers")?)?.remove(at)),
            Cut::Callee(at) => drop(items_of(value_of(spec, "callees")?)?.remove(at)),
        }
        Some(())
    }
}

pub(super) fn value_of<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Node> {
    let Value::Mapping(entries) = &mut node.value else { return None };
    entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.value)
}

pub(super) fn items_of(node: &mut Node) -> Option<&mut Vec<Node>> {
    match &mut node.value {
        Value::Sequence(items) => Some(items),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
