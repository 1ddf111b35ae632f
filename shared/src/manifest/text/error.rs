//! What is wrong with a text, and where.

use super::position::Span;

/// Why a text cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// What was read and what was expected, in lower case, without position.
    pub message: String,
    /// The culprit, at least one character.
    pub span: Span,
    /// What to do about it.
    pub help: Option<String>,
}

impl SyntaxError {
    /// An error at `span`, which is made to cover at least one character.
    pub(super) fn new(message: impl Into<String>, span: Span) -> Self {
        Self { message: message.into(), span: span.at_least_one_character(), help: None }
    }

    /// The same with an advice.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same; if `text` has `{{` in it, the advice is to render the template it seems to be.
    pub(super) fn template(self, text: &str) -> Self {
        if text.contains("{{") { self.help(TEMPLATE) } else { self }
    }
}

/// The advice for what seems to be a template.
const TEMPLATE: &str = "`{{` looks like a Helm or Go template: render it first, for example with \
                        `helm template` or `kustomize build`";

/// The error of a mapping that has the same key twice.
pub(super) fn duplicate(key: &str, first: Span, second: Span) -> SyntaxError {
    let line = first.start.line;
    SyntaxError::new(format!("duplicate key `{}`: it is already set in line {line}", shown(key)), second)
}

/// `text` in one short line, to be quoted in a message.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 40;
    let line = text.lines().next().unwrap_or_default();
    let mut out: String = line.chars().take(LONGEST).collect();
    if out.len() < text.trim_end().len() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::text::position::Position;

    #[test]
    fn a_template_is_recognised_by_its_braces() {
        let error = SyntaxError::new("x", Span::default()).help("y");
        assert_eq!(error.clone().template("a: {b}").help.as_deref(), Some("y"));
        let help = error.template("a: {{ .Values.b }}").help.unwrap_or_default();
        assert!(help.contains("helm template") && help.contains("kustomize build"), "{help}");
    }

    #[test]
    fn a_duplicate_names_the_line_of_the_first() {
        let at = |line| Span::character(Position::new(line, 1));
        let error = duplicate("name", at(3), at(9));
        assert_eq!(error.to_string(), "duplicate key `name`: it is already set in line 3");
        assert_eq!(error.span, at(9));
    }

    #[test]
    fn what_is_shown_is_short() {
        assert_eq!(shown("a\nb"), "a…");
        assert_eq!(shown(&"x".repeat(50)), format!("{}…", "x".repeat(40)));
    }
}
