//! An approval in a file that is to end at another time.

use jiff::Timestamp;

use super::anchors::has_anchors;
use super::element::last_line;
use super::lines::{Lines, indentation};
use super::revoke::{is_list, items_of, value_of};
use super::{EditError, Result, check, trees};
use crate::approval::Approval;
use crate::manifest::text::{Document, Entry, Format, Node, Span, Style, Value, documents, parse};
use crate::manifest::{Object, decode};

/// The file with an approval of it that ends at `at`, and that has this reason where one is given. `None` where it is not in the
/// file. Objects that name no namespace are in `namespace`.
///
/// # Errors
/// Where the file can't be read, or is written in a way that can't be edited without a doubt.
pub fn renew(
    file: &str,
    approval: &Approval,
    namespace: &str,
    at: Timestamp,
    reason: Option<&str>,
) -> Result<Option<String>> {
    let Some(mut text) = set(file, approval, namespace, "expiresAt", &at.to_string())? else { return Ok(None) };
    if let Some(reason) = reason {
        text = set(&text, approval, namespace, "reason", reason)?.unwrap_or(text);
    }
    Ok(Some(text))
}

/// The file with another text under a key of the approval's `spec`.
fn set(file: &str, approval: &Approval, namespace: &str, key: &str, value: &str) -> Result<Option<String>> {
    let body = file.strip_prefix('\u{FEFF}').unwrap_or(file);
    let mark = &file[..file.len() - body.len()];
    let files = documents(file.as_bytes())?;
    let Some((at, item, node)) = find(&files, approval, namespace)? else { return Ok(None) };
    let by_hand = || EditError::by_hand(node.span.start).help("change it by hand");
    if has_anchors(&files[at]) {
        let error = EditError::new("the document has anchors or aliases: a change might not stay in its place");
        return Err(error.help("change it by hand").at(node.span.start));
    }
    let object = item.map_or(Some(&node), |item| node.get("items")?.items().get(item));
    let spec = object.and_then(|object| object.get("spec")).ok_or_else(by_hand)?;
    let changed = Says { lines: &Lines::new(body), spec, format: files[at].format }.with(key, value);
    let text = format!("{mark}{}", changed.ok_or_else(by_hand)?);
    // Documents without anything in them have no tree.
    let before = files[..at].iter().filter(|document| matches!(parse(document), Ok(Some(_)))).count();
    let mut expected = trees(file)?;
    expect(&mut expected, before, item, key, value).ok_or_else(by_hand)?;
    check(&text, &expected).map_err(|error| error.help("change it by hand").at(node.span.start))?;
    Ok(Some(text))
}

/// The document that has the approval, with its tree, and in a List which of its items it is.
fn find(files: &[Document<'_>], approval: &Approval, namespace: &str) -> Result<Option<(usize, Option<usize>, Node)>> {
    // Of two of a name the later holds.
    for (at, document) in files.iter().enumerate().rev() {
        let Some(node) = parse(document)? else { continue };
        let decoded = decode(&node, 0, namespace).map_err(|error| EditError {
            message: error.message,
            help: error.help,
            at: Some(error.origin.span.start),
        })?;
        let is_it = |object: &Object| {
            matches!(object, Object::Approval(found)
                if found.metadata.key() == approval.metadata.key() && found.callers == approval.callers
                    && found.callees == approval.callees)
        };
        if let Some(number) = decoded.objects.iter().rposition(is_it) {
            return Ok(Some((at, is_list(&node).then_some(number), node)));
        }
    }
    Ok(None)
}

/// What an approval says, in its file.
struct Says<'a> {
    lines: &'a Lines<'a>,
    spec: &'a Node,
    format: Format,
}

impl Says<'_> {
    fn with(&self, key: &str, value: &str) -> Option<String> {
        let text = self.lines.text;
        let is_json = self.format == Format::Json;
        // A time needs no quotes in YAML, and has none where `approve` writes it.
        let written = if is_json || key != "expiresAt" { serde_json::to_string(value).ok()? } else { value.to_owned() };
        if let Some(entry) = self.spec.entry(key) {
            let one_word = matches!(entry.value.style, Style::Plain | Style::SingleQuoted | Style::DoubleQuoted);
            entry.value.as_str().filter(|_| one_word)?;
            let Span { start, end } = entry.value.span;
            let (start, end) = (self.lines.byte(start)?, self.lines.byte(end)?);
            return Some(format!("{}{written}{}", text.get(..start)?, text.get(end..)?));
        }
        let last = self.spec.entries().last()?;
        let (start, end) = (self.lines.byte(last.key_span.start)?, self.lines.byte(last.value.span.end)?);
        if text.get(self.lines.byte(self.spec.span.start)?..)?.starts_with('{') {
            let key = if is_json { format!("\"{key}\"") } else { key.to_owned() };
            return Some(format!("{}, {key}: {written}{}", text.get(..end)?, text.get(end..)?));
        }
        let indent = " ".repeat(indentation(self.lines.line(self.lines.line_of(start))));
        let line = self.lines.range(last_line(self.lines, &(start..end)))?;
        let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let (before, after) = (text.get(..line.end)?, text.get(line.end..)?);
        let entry = format!("{indent}{key}: {written}");
        Some(if before.ends_with('\n') {
            format!("{before}{entry}{ending}{after}")
        } else {
            format!("{before}{ending}{entry}{after}")
        })
    }
}

/// Changes the tree that the file must have afterwards.
fn expect(trees: &mut [Node], document: usize, item: Option<usize>, key: &str, value: &str) -> Option<()> {
    let mut node = trees.get_mut(document)?;
    if let Some(item) = item {
        node = items_of(value_of(node, "items")?)?.get_mut(item)?;
    }
    let spec = value_of(node, "spec")?;
    let new = Node { span: Span::default(), style: Style::Plain, value: Value::String(value.to_owned()) };
    if let Some(old) = value_of(spec, key) {
        *old = new;
    } else if let Value::Mapping(entries) = &mut spec.value {
        entries.push(Entry { key: key.to_owned(), key_span: Span::default(), value: new });
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::objects;

    const HEAD: &str = "apiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {namespace: bank, name: a}\n";

    const OTHER: &str = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: bank}\n";

    fn renewed(text: &str, reason: Option<&str>) -> Option<String> {
        let approval =
            objects(&format!("{HEAD}spec: {{callers: [shop/web], callees: [ledger]}}\n")).approvals.remove(0);
        renew(text, &approval, "default", "2027-06-30T00:00:00Z".parse().unwrap(), reason).unwrap()
    }

    #[test]
    fn only_the_time_changes() {
        for (spec, expected) in [
            (
                "spec: {callers: [shop/web], callees: [ledger]} # x\n",
                "spec: {callers: [shop/web], callees: [ledger], expiresAt: 2027-06-30T00:00:00Z} # x\n",
            ),
            (
                "spec:\n  # who\n  callers: [shop/web]\n  callees:\n  - ledger # whom\n",
                "spec:\n  # who\n  callers: [shop/web]\n  callees:\n  - ledger # whom\n  expiresAt: 2027-06-30T00:00:00Z\n",
            ),
            (
                "spec:\n  callers: [shop/web]\n  callees: [ledger]",
                "spec:\n  callers: [shop/web]\n  callees: [ledger]\n  expiresAt: 2027-06-30T00:00:00Z",
            ),
            (
                "spec:\n  expiresAt: \"2027-01-02T00:00:00Z\" # soon\n  callers: [shop/web]\n  callees: [ledger]\n",
                "spec:\n  expiresAt: 2027-06-30T00:00:00Z # soon\n  callers: [shop/web]\n  callees: [ledger]\n",
            ),
        ] {
            for (before, after) in [("", ""), ("", OTHER), ("# a\n---\n", OTHER)] {
                // A document begins on a line of its own.
                if spec.ends_with('\n') || after.is_empty() {
                    let around = |spec: &str| format!("{before}{HEAD}{spec}{after}");
                    assert_eq!(renewed(&around(spec), None), Some(around(expected)), "{spec}");
                }
            }
        }
    }

    #[test]
    fn a_reason_comes_with_it_and_other_forms_stay_theirs() {
        let text =
            format!("{HEAD}spec: {{callers: [shop/web], callees: [ledger], reason: old}}\n").replace('\n', "\r\n");
        let expected = text.replace("reason: old", "reason: \"a: \\\"b\\\"\", expiresAt: 2027-06-30T00:00:00Z");
        assert_eq!(renewed(&text, Some("a: \"b\"")), Some(expected));
        let json = r#"{"apiVersion": "netintent.dev/v1alpha1", "kind": "ApprovalList", "items": [{"apiVersion": "netintent.dev/v1alpha1", "kind": "Approval", "metadata": {"namespace": "bank", "name": "a"}, "spec": {"callers": ["shop/web"], "callees": ["ledger"]}}]}"#;
        let expected = json.replace("[\"ledger\"]", "[\"ledger\"], \"expiresAt\": \"2027-06-30T00:00:00Z\"");
        assert_eq!(renewed(json, None), Some(expected));
        assert_eq!(renewed(OTHER, None), None);
    }

    #[test]
    fn what_stands_in_several_places_is_left_alone() {
        let approval =
            objects(&format!("{HEAD}spec: {{callers: [shop/web], callees: [ledger]}}\n")).approvals.remove(0);
        let at = "2027-06-30T00:00:00Z".parse().unwrap();
        for spec in [
            "spec: &a {callers: [shop/web], callees: [ledger]}\n",
            "spec:\n  callers: [shop/web]\n  callees: [ledger]\n  expiresAt: >-\n    2027-01-02T00:00:00Z\n",
        ] {
            let error = renew(&format!("{HEAD}{spec}"), &approval, "default", at, None).unwrap_err();
            assert_eq!(error.help.as_deref(), Some("change it by hand"), "{spec}");
        }
    }
}
