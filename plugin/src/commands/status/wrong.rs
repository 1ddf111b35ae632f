//! What is wrong with objects that the API server goes by, and what puts it right.

use std::collections::BTreeSet;

use super::compare::Difference;
use super::line::Line;

/// The command in advice, before the options of the installation are known.
pub(super) const INSTALL: &str = "kubectl netintent install --apply";
/// What puts back what is missing.
pub(super) const AGAIN: &str = "apply the manifests of this version again: kubectl netintent install --apply";

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Wrong {
    texts: Vec<String>,
    /// What to do besides applying the manifests.
    besides: BTreeSet<String>,
    is_missing: bool,
    /// Whether somebody has written something else over what was applied.
    is_written_over: bool,
    /// What has more in it than was applied, as kubectl takes it.
    more: BTreeSet<String>,
}

impl Wrong {
    /// Something is not there.
    pub(super) fn is_missing(&mut self, what: &str) {
        self.texts.push(format!("{what} is missing"));
        self.is_missing = true;
    }

    /// Something is there that should not be, in an object.
    pub(super) fn is_more(&mut self, what: &str, object: &str) {
        self.texts.push(format!("{what} is none of this version"));
        self.more.insert(object.to_ascii_lowercase());
    }

    /// Something differs, in an object: the first field is named, and all are to be put right.
    pub(super) fn differs(&mut self, what: &str, fields: &[Difference], object: &str) {
        let Some(first) = fields.first() else { return };
        self.texts.push(format!("of {what} {}", first.text));
        self.is_written_over |= fields.iter().any(|field| !field.is_more);
        if fields.iter().any(|field| field.is_more) {
            self.more.insert(object.to_ascii_lowercase());
        }
    }

    /// Requests go on without an answer that should not, and what to do about it; `None`: the manifests are to be applied.
    pub(super) fn is_loose(&mut self, what: &str, policies: [&str; 2], help: Option<String>) {
        let [is, should] = policies;
        self.texts.push(format!("of {what} failurePolicy is {is} in place of {should}"));
        self.is_written_over |= help.is_none();
        self.besides.extend(help);
    }

    /// All of it, or that all is well.
    pub(super) fn line(self, name: &'static str, good: String) -> Line {
        if self.texts.is_empty() {
            return Line::good(name, good);
        }
        let mut help: Vec<String> = self.besides.into_iter().collect();
        if self.is_written_over {
            // Without it the API server keeps what others have written.
            help.push(format!("{AGAIN} --force-conflicts"));
        } else if self.is_missing {
            help.push(AGAIN.to_owned());
        }
        let edits: Vec<String> = self.more.iter().map(|object| format!("kubectl edit {object}")).collect();
        if !edits.is_empty() {
            help.push(format!("take out what should not be there, which applying leaves: {}", edits.join(", ")));
        }
        Line::bad(name, self.texts.join("; "), help.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::State;
    use super::*;

    fn field(text: &str, is_more: bool) -> Difference {
        Difference { text: text.to_owned(), is_more }
    }

    #[test]
    fn what_to_do_is_what_puts_it_right() {
        let of = |find: &dyn Fn(&mut Wrong)| {
            let mut wrong = Wrong::default();
            find(&mut wrong);
            let line = wrong.line("x", "all is well".to_owned());
            (line.state == State::Bad, line.text, line.help.unwrap_or_default())
        };
        assert_eq!(of(&|_| {}), (false, "all is well".to_owned(), String::new()));
        let (bad, text, help) = of(&|wrong| wrong.is_missing("a"));
        assert_eq!((bad, text.as_str(), help.as_str()), (true, "a is missing", AGAIN));
        let (_, text, help) =
            of(&|wrong| wrong.differs("a", &[field("b is c", false), field("d differs", false)], "Kind a"));
        assert_eq!((text.as_str(), help), ("of a b is c", format!("{AGAIN} --force-conflicts")));
        let (_, text, help) = of(&|wrong| {
            wrong.differs("a", &[field("b should not be there", true)], "Kind a");
            wrong.is_more("c", "Kind a");
        });
        assert_eq!(text, "of a b should not be there; c is none of this version");
        assert_eq!(help, "take out what should not be there, which applying leaves: kubectl edit kind a");
        // One that is not told is put right as well.
        let (_, text, help) =
            of(&|wrong| wrong.differs("a", &[field("b is c", false), field("d should not be there", true)], "Kind a"));
        assert_eq!(text, "of a b is c");
        assert!(help.contains("--force-conflicts; take out") && help.ends_with("kubectl edit kind a"), "{help}");
        let (_, text, help) =
            of(&|wrong| wrong.is_loose("a", ["Ignore", "Fail"], Some("kubectl netintent recover undo".to_owned())));
        assert_eq!(text, "of a failurePolicy is Ignore in place of Fail");
        assert_eq!(help, "kubectl netintent recover undo");
    }
}
