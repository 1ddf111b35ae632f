//! Whether parts of a document hang together beyond what its tree shows.

use libyaml_safer::EventData;

use crate::manifest::text::{Document, Events, Format};

/// Whether a document has an anchor or an alias: what is written once then stands in several places.
pub(super) fn has_anchors(document: &Document<'_>) -> bool {
    if document.format == Format::Json || !document.text.contains(['&', '*']) {
        return false;
    }
    let mut events = Events::new(document.text);
    loop {
        // What can't be read to its end is not edited either.
        let Ok(event) = events.next() else { return true };
        match event.data {
            EventData::StreamEnd => {
                events.finish();
                return false;
            }
            EventData::Alias { .. } => return true,
            EventData::Scalar { anchor, .. }
            | EventData::SequenceStart { anchor, .. }
            | EventData::MappingStart { anchor, .. }
                if anchor.is_some() =>
            {
                return true;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::text::documents;

    #[test]
    fn anchors_and_aliases_are_no_text() {
        let has = |text: &str| has_anchors(&documents(text.as_bytes()).unwrap()[0]);
        for text in ["a: &x 1\n", "a: &x [1]\n", "a: &x {b: 1}\n", "a: &x 1\nb: *x\n", "a: &x\n  b: 1\nc: {<<: *x}\n"] {
            assert!(has(text), "{text}");
        }
        for text in ["a: \"*x\"\n", "a: b*c&d # &x *y\n", "a: |\n  &x *y\n", "{\"a\": \"&x\"}"] {
            assert!(!has(text), "{text}");
        }
    }
}
