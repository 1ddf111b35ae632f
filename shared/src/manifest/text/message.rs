//! What the YAML parser's errors mean to somebody who wrote a manifest.

use libyaml_safer::{Error, Mark};

use super::error::{SyntaxError, shown};
use super::mark::{Marks, index};
use super::position::Span;

/// libyaml's words for something after the end of a document, or for a directive without `---`.
pub(super) const NO_DOCUMENT_START: &str = "did not find expected <document start>";

/// Why an attempt to read a text failed.
pub(super) enum Failure {
    /// What is wrong with it.
    Text(SyntaxError),
    /// What the parser says.
    Parser(Error),
}

impl From<SyntaxError> for Failure {
    fn from(error: SyntaxError) -> Self {
        Self::Text(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Parser(error)
    }
}

/// What `error` means.
pub(super) fn explain(error: &Error, marks: &Marks<'_>) -> SyntaxError {
    let culprit = error.problem_mark().unwrap_or_default();
    let context = error.context_mark().unwrap_or(culprit);
    let in_flow = error.context().is_some_and(|context| context.contains("flow"));
    if let Some(tab) = tab(marks.text(), index(culprit)).filter(|_| !in_flow) {
        let span = Span::character(marks.at(tab));
        return SyntaxError::new("found a tab as indentation, expected spaces", span)
            .help("YAML does not allow tabs here: use spaces");
    }
    let place = Place { marks, culprit, context };
    place.scanner(error).or_else(|| place.parser(error)).unwrap_or_else(|| {
        let found = found(marks.text(), index(culprit));
        SyntaxError::new(format!("found {found}, which is not valid YAML here"), place.here())
    })
}

/// Where an error is.
struct Place<'a> {
    marks: &'a Marks<'a>,
    /// Where the parser stumbled.
    culprit: Mark,
    /// Where what it was reading began.
    context: Mark,
}

impl Place<'_> {
    fn here(&self) -> Span {
        Span::character(self.marks.position(self.culprit))
    }

    fn found(&self) -> String {
        found(self.marks.text(), index(self.culprit))
    }

    /// From the beginning of what was read to the end of its line.
    fn opening(&self) -> Span {
        let start = index(self.context);
        let line = line_from(self.marks.text(), start);
        Span::new(self.marks.position(self.context), self.marks.at(start + line.len()))
    }

    fn opening_line(&self) -> u32 {
        self.marks.position(self.context).line
    }

    /// Errors in words: quotes, escapes, anchors, tags, block scalars.
    fn scanner(&self, error: &Error) -> Option<SyntaxError> {
        let at = index(self.culprit);
        let rest = self.marks.text().get(at..).unwrap_or_default();
        let quoted = "put the text in quotes";
        Some(match (error.problem(), error.context().unwrap_or_default()) {
            ("found unexpected end of stream", _) => {
                SyntaxError::new("this quoted text is never closed", self.opening()).help("add the closing quote")
            }
            ("found unexpected document indicator", _) => {
                SyntaxError::new("this quoted text is not closed before the end of the document", self.opening())
                    .help("add the closing quote")
            }
            ("found unknown escape character", _) => {
                let escape: String = rest.chars().take(2).collect();
                SyntaxError::new(format!("unknown escape `{escape}` in double quotes"), self.wide(2))
                    .help("write `\\\\` for a backslash, or use single quotes")
            }
            ("did not find expected hexdecimal number", _) => SyntaxError::new(
                format!("expected hexadecimal digits after the escape, found {}", self.found()),
                self.here(),
            ),
            ("found invalid Unicode character escape code", _) => {
                let code: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
                SyntaxError::new(format!("the escape of `{code}` is no Unicode character"), self.wide(code.len()))
                    .help("write the character itself, or `\\U` and its eight hexadecimal digits")
            }
            ("did not find expected alphabetic or numeric character", context) => {
                let (sign, what) = if context.contains("alias") { ('*', "an alias") } else { ('&', "an anchor") };
                SyntaxError::new(
                    format!("expected a name after `{sign}`, which begins {what}, found {}", self.found()),
                    self.opening_sign(),
                )
                .help(format!("if `{sign}` is meant as text, {quoted}"))
            }
            ("found undefined tag handle", _) => SyntaxError::new(format!("unknown tag {}", self.found()), self.here())
                .help("if `!` is meant as text, put the text in quotes"),
            (_, "while scanning a tag" | "while parsing a tag") => {
                SyntaxError::new(format!("expected a blank after the tag, found {}", self.found()), self.opening_sign())
                    .help("if `!` is meant as text, put the text in quotes")
            }
            ("found an indentation indicator equal to 0", _) => {
                SyntaxError::new("the indentation of a block of text is from 1 to 9, found `0`", self.here())
            }
            ("did not find expected comment or line break", "while scanning a block scalar") => {
                let message = format!("expected the end of the line after `|` or `>`, found {}", self.found());
                SyntaxError::new(message, self.here()).help("begin the text in the next line, or put it in quotes")
            }
            ("found unexpected ':'", _) => {
                let message = "found `:` directly before a `,` or a bracket, expected a blank or a text";
                SyntaxError::new(message, self.here()).help(quoted)
            }
            ("found character that cannot start any token", _) => {
                SyntaxError::new(format!("a text without quotes cannot begin with {}", first(rest)), self.here())
                    .help(quoted)
            }
            (problem, context) if context.contains("irective") || problem.contains("irective") => SyntaxError::new(
                "a line that begins with `%` is a directive, and this one is not valid",
                self.opening(),
            )
            .help("remove the line: kubectl needs no directives"),
            _ => return None,
        })
    }

    /// Errors in the order of words: what was expected and what was found.
    fn parser(&self, error: &Error) -> Option<SyntaxError> {
        let (found, line) = (self.found(), self.opening_line());
        Some(match error.problem() {
            "could not find expected ':'" => {
                let text = line_from(self.marks.text(), index(self.context)).trim_end();
                let error = SyntaxError::new(format!("expected `key: value`, found `{}`", shown(text)), self.opening());
                match text.split_once(':') {
                    Some(_) => error.help("put a space after the `:`"),
                    None => error.help("check the indentation, and that the key has a `:`"),
                }
            }
            "mapping values are not allowed in this context" => self.second_colon(),
            "mapping keys are not allowed in this context" => {
                SyntaxError::new("a `?` that begins a key is not allowed here", self.here())
                    .help("put the text in quotes")
            }
            "block sequence entries are not allowed in this context" => {
                SyntaxError::new("a list item `- ` is not allowed here", self.here())
                    .help("put the list in its own lines below the key, or the text in quotes")
            }
            "did not find expected key" => {
                let message =
                    format!("expected a key like those of the mapping that begins in line {line}, found {found}");
                SyntaxError::new(message, self.here())
                    .help("check the indentation and the quotes of this line and the one before")
            }
            "did not find expected '-' indicator" => {
                let message =
                    format!("expected an item `- ` like those of the list that begins in line {line}, found {found}");
                SyntaxError::new(message, self.here()).help("check the indentation of this line")
            }
            "did not find expected ',' or ']'" => SyntaxError::new(
                format!("expected `,` or `]` in the list that begins in line {line}, found {found}"),
                self.here(),
            ),
            "did not find expected ',' or '}'" => SyntaxError::new(
                format!("expected `,` or `}}` in the mapping that begins in line {line}, found {found}"),
                self.here(),
            ),
            "did not find expected node content" => {
                SyntaxError::new(format!("expected a value, found {found}"), self.here())
            }
            NO_DOCUMENT_START if !self.marks.text().trim_start().starts_with('%') => {
                trailing(self.marks, index(self.culprit))
            }
            NO_DOCUMENT_START => {
                SyntaxError::new(format!("expected `---` after the directive, found {found}"), self.here()).help(
                    "remove the line that begins with `%`: kubectl cuts a file at `---` and then has nothing after it",
                )
            }
            "found incompatible YAML document"
            | "found duplicate %YAML directive"
            | "found duplicate %TAG directive" => {
                SyntaxError::new("a line that begins with `%` is a directive, and this one is not valid", self.here())
                    .help("remove the line: kubectl needs no directives")
            }
            _ => return None,
        })
    }

    /// A `:` in what was taken for a value.
    fn second_colon(&self) -> SyntaxError {
        let text = self.marks.text();
        let at = index(self.culprit);
        let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
        let before = text.get(start..at).unwrap_or_default();
        if before.contains(": ") {
            SyntaxError::new("found a second `:` in one line, expected the end of the value", self.here())
                .help("put the value in quotes, or the inner mapping in its own lines")
        } else {
            let key = shown(before.trim());
            SyntaxError::new(format!("found the key `{key}` where the value of the line before goes on"), self.here())
                .help("check the indentation of this line, and that the line before has a space after its `:`")
        }
    }

    /// The characters from the culprit on.
    fn wide(&self, characters: usize) -> Span {
        let at = index(self.culprit);
        let rest = self.marks.text().get(at..).unwrap_or_default();
        let end = rest.char_indices().nth(characters).map_or(rest.len(), |(end, _)| end);
        Span::new(self.marks.at(at), self.marks.at(at + end))
    }

    /// The one character that what was read began with.
    fn opening_sign(&self) -> Span {
        Span::character(self.marks.position(self.context))
    }
}

/// The error of what follows the first document at the byte `at`. kubectl would not read it.
pub(super) fn trailing(marks: &Marks<'_>, at: usize) -> SyntaxError {
    let found = found(marks.text(), at);
    let message = format!("found {found} after the end of the document: kubectl would ignore it");
    SyntaxError::new(message, Span::character(marks.at(at))).help("separate documents by a line `---`")
}

/// What stands at the byte `at` of `text`, in words.
pub(super) fn found(text: &str, at: usize) -> String {
    let rest = text.get(at..).unwrap_or_default();
    let line = line_from(rest, 0);
    let word = line.split("  ").next().unwrap_or_default().trim();
    match rest.chars().next() {
        None => "the end of the document".to_owned(),
        Some('\t') => "a tab".to_owned(),
        Some('\n' | '\r') if rest.trim().is_empty() => "the end of the document".to_owned(),
        Some('\n' | '\r') => "the end of the line".to_owned(),
        Some(_) if word.is_empty() => "a blank".to_owned(),
        Some(_) => format!("`{}`", shown(word)),
    }
}

fn first(rest: &str) -> String {
    rest.chars().next().map_or_else(|| "nothing".to_owned(), |character| format!("`{character}`"))
}

/// The rest of the line from the byte `at` on, without its end.
fn line_from(text: &str, at: usize) -> &str {
    text.get(at..).and_then(|rest| rest.lines().next()).unwrap_or_default()
}

/// The first tab in the indentation of the line of the byte `at`, or the tab that is there.
fn tab(text: &str, at: usize) -> Option<usize> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let line = line_from(text, start);
    let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
    line.get(..indentation)?.find('\t').map(|tab| start + tab)
}
