//! A document at the end of a file.

use super::{EditError, Result, check, trees};
use crate::manifest::text::{Format, documents};

/// The file with one more document, written with its ends of lines.
///
/// Every byte of the file stays, and what is added says by itself what to take away again: [`super::revoke()`] restores the
/// file. For that a file without a last end of line gets none, and one that ends in a separator a second one, which kubectl
/// reads as one. A file that was there without anything in it gets a separator too: of a file that was not, it can be told.
///
/// # Errors
/// Where the file is JSON, or can't be read.
pub fn append(file: Option<&str>, document: &str) -> Result<String> {
    let Some(text) = file else { return Ok(document.to_owned()) };
    if documents(text.as_bytes())?.iter().any(|document| document.format == Format::Json) {
        let error = EditError::new("the file is JSON, which has no documents to add one to");
        return Err(error.help("write to a YAML file: objects may lie in as many files as you like"));
    }
    let mut expected = trees(text)?;
    expected.extend(trees(document)?);
    let body = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut added = format!("---\n{document}");
    if !body.is_empty() && !body.ends_with('\n') {
        added = format!("\n{}", added.trim_end_matches('\n'));
    }
    if body.find('\n').is_some_and(|at| body[..at].ends_with('\r')) {
        added = added.replace('\n', "\r\n");
    }
    let whole = format!("{text}{added}");
    check(&whole, &expected)?;
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_added_as_the_file_is_written() {
        let added = |text: &str| append(Some(text), "b: 1\nc: 2\n").unwrap();
        assert_eq!(append(None, "b: 1\n").unwrap(), "b: 1\n");
        assert_eq!(added(""), "---\nb: 1\nc: 2\n");
        assert_eq!(added("a: 1\n"), "a: 1\n---\nb: 1\nc: 2\n");
        assert_eq!(added("a: 1"), "a: 1\n---\nb: 1\nc: 2");
        assert_eq!(added("a: 1\r\n"), "a: 1\r\n---\r\nb: 1\r\nc: 2\r\n");
        assert_eq!(added("a: 1\r\nd: 2"), "a: 1\r\nd: 2\r\n---\r\nb: 1\r\nc: 2");
        assert_eq!(added("a: 1\n---\n"), "a: 1\n---\n---\nb: 1\nc: 2\n");
        assert_eq!(added("# only a comment"), "# only a comment\n---\nb: 1\nc: 2");
        assert_eq!(added("\u{FEFF}"), "\u{FEFF}---\nb: 1\nc: 2\n");
        assert_eq!(added("{a: 1}\n...\n"), "{a: 1}\n...\n---\nb: 1\nc: 2\n");
    }

    #[test]
    fn json_is_refused() {
        let error = append(Some("{\"a\": 1}\n"), "b: 1\n").unwrap_err();
        assert_eq!(error.message, "the file is JSON, which has no documents to add one to");
        assert!(append(Some("a: [\n"), "b: 1\n").is_err());
    }
}
