//! The whole way from bytes to errors.

use super::*;

/// The first error of a file.
fn error(text: &str) -> SyntaxError {
    let parsed = documents(text.as_bytes())
        .and_then(|documents| documents.iter().try_for_each(|document| parse(document).map(|_| ())));
    parsed.err().unwrap_or_else(|| SyntaxError { message: "no error".to_owned(), span: Span::default(), help: None })
}

/// The message, the place as `line:column-line:column`, and the help of the first error.
fn report(text: &str) -> (String, String, String) {
    let SyntaxError { message, span: Span { start, end }, help } = error(text);
    let place = format!("{}:{}-{}:{}", start.line, start.column, end.line, end.column);
    (message, place, help.unwrap_or_default())
}

/// A text, and the message, place and help of its error.
const ERRORS: [(&str, &str, &str, &str); 28] = [
    (
        "a: 1\n\tb: 2\n",
        "found a tab as indentation, expected spaces",
        "2:1-2:2",
        "YAML does not allow tabs here: use spaces",
    ),
    (
        "a:\n\tb: 2\n",
        "found a tab as indentation, expected spaces",
        "2:1-2:2",
        "YAML does not allow tabs here: use spaces",
    ),
    (
        "a: |\n\tb\n",
        "found a tab as indentation, expected spaces",
        "2:1-2:2",
        "YAML does not allow tabs here: use spaces",
    ),
    (
        "a: b: c\n",
        "found a second `:` in one line, expected the end of the value",
        "1:5-1:6",
        "put the value in quotes, or the inner mapping in its own lines",
    ),
    (
        "a:b\nc: d\n",
        "found the key `c` where the value of the line before goes on",
        "2:2-2:3",
        "check the indentation of this line, and that the line before has a space after its `:`",
    ),
    (
        "a: b\nname\nc: d\n",
        "expected `key: value`, found `name`",
        "2:1-2:5",
        "check the indentation, and that the key has a `:`",
    ),
    ("a: b\nname:c\nd: e\n", "expected `key: value`, found `name:c`", "2:1-2:7", "put a space after the `:`"),
    (
        "a:\n  b: c\n d: e\n",
        "expected a key like those of the mapping that begins in line 1, found `d: e`",
        "3:2-3:3",
        "check the indentation and the quotes of this line and the one before",
    ),
    (
        "a: \"b\" c\n",
        "expected a key like those of the mapping that begins in line 1, found `c`",
        "1:8-1:9",
        "check the indentation and the quotes of this line and the one before",
    ),
    (
        "- a\nb: c\n",
        "expected an item `- ` like those of the list that begins in line 1, found `b: c`",
        "2:1-2:2",
        "check the indentation of this line",
    ),
    (
        "a: - b\n",
        "a list item `- ` is not allowed here",
        "1:4-1:5",
        "put the list in its own lines below the key, or the text in quotes",
    ),
    ("a: [b\nc: d\n", "expected `,` or `]` in the list that begins in line 1, found `: d`", "2:2-2:3", ""),
    ("a: [b\n", "expected `,` or `]` in the list that begins in line 1, found the end of the document", "2:1-2:2", ""),
    (
        "a: {b: c\n",
        "expected `,` or `}` in the mapping that begins in line 1, found the end of the document",
        "2:1-2:2",
        "",
    ),
    ("a: \"b\nc: d\n", "this quoted text is never closed", "1:4-1:6", "add the closing quote"),
    (
        "a: \"\\d\"\n",
        "unknown escape `\\d` in double quotes",
        "1:5-1:7",
        "write `\\\\` for a backslash, or use single quotes",
    ),
    ("a: \"\\x4g\"\n", "expected hexadecimal digits after the escape, found `4g\"`", "1:7-1:8", ""),
    (
        "a: \"\\ud83d\"\n",
        "the escape of `d83d` is no Unicode character",
        "1:7-1:11",
        "write the character itself, or `\\U` and its eight hexadecimal digits",
    ),
    (
        "host: *.example.com\n",
        "expected a name after `*`, which begins an alias, found `.example.com`",
        "1:7-1:8",
        "if `*` is meant as text, put the text in quotes",
    ),
    ("a: @b\n", "a text without quotes cannot begin with `@`", "1:4-1:5", "put the text in quotes"),
    ("a: %b\n", "a text without quotes cannot begin with `%`", "1:4-1:5", "put the text in quotes"),
    (
        "a: | b\n",
        "expected the end of the line after `|` or `>`, found `b`",
        "1:6-1:7",
        "begin the text in the next line, or put it in quotes",
    ),
    ("a: !x!y z\n", "unknown tag `!x!y z`", "1:4-1:5", "if `!` is meant as text, put the text in quotes"),
    (
        "a: !b]\n",
        "expected a blank after the tag, found `]`",
        "1:4-1:5",
        "if `!` is meant as text, put the text in quotes",
    ),
    (
        "%YAML 1.1\n---\na: b\n",
        "expected `---` after the directive, found the end of the document",
        "2:1-2:2",
        "remove the line that begins with `%`: kubectl cuts a file at `---` and then has nothing after it",
    ),
    (
        "%FOO\na: b\n",
        "a line that begins with `%` is a directive, and this one is not valid",
        "1:1-1:5",
        "remove the line: kubectl needs no directives",
    ),
    ("a: ]\n", "expected a value, found `]`", "1:4-1:5", ""),
    ("...\n", "expected a value, found `...`", "1:1-1:2", ""),
];

#[test]
fn errors_say_what_was_read_and_what_was_expected() {
    for (text, message, place, help) in ERRORS {
        assert_eq!(report(text), (message.to_owned(), place.to_owned(), help.to_owned()), "{text:?}");
    }
}

#[test]
fn positions_are_those_of_the_file() {
    assert_eq!(report("a: 1\n---\nb: 2\nb: 3\n").0, "duplicate key `b`: it is already set in line 3");
    assert_eq!(report("a: 1\n---\nb: 2\nb: 3\n").1, "4:1-4:2");
    assert_eq!(report("{} {\"a\": 1, \"a\": 2}").1, "1:13-1:16");
    assert_eq!(report("\u{FEFF}a: [\n").1, "2:1-2:2");
    assert_eq!(report("a: é\u{1}").1, "1:5-1:6");
}

#[test]
fn templates_are_recognised() {
    for text in [
        "{{- if .Values.x }}\na: b\n{{- end }}\n",
        "image: {{ .Values.image }}\n",
        "a: 1\n{{ include \"x\" . }}\n",
        "{{ x }}: 1\n",
    ] {
        assert!(report(text).2.contains("helm template"), "{text}: {:?}", report(text));
    }
    assert_eq!(report("a: '{{ x }}'\na: 2\n").2, "");
}

#[test]
fn a_quoted_text_may_go_on_at_column_one() {
    let text = "a:\n  b: \"x\ny\"\n";
    let node = documents(text.as_bytes())
        .ok()
        .and_then(|documents| documents.first().and_then(|document| parse(document).ok().flatten()));
    assert_eq!(
        node.as_ref().and_then(|node| node.get("a")).and_then(|node| node.get("b")).and_then(Node::as_str),
        Some("x y")
    );
}
