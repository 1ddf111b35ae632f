//! Text from objects in Markdown: as it is written, whatever it would mean there.

use netintent::names::printable;

/// Text in a line of Markdown. What somebody wrote into an object must not become a link, a picture or markup.
pub(crate) fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in printable(text).chars() {
        if matches!(c, '\\' | '`' | '*' | '<' | '>' | '[' | ']' | '|') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Text in a block of its own, whose fence nothing in it can close.
pub(crate) fn block(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    let lines: Vec<String> = text.trim_end().lines().map(printable).collect();
    format!("{fence}\n{}\n{fence}\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_becomes_markup() {
        assert_eq!(text("a [b](c) *d* | `e`"), "a \\[b\\](c) \\*d\\* \\| \\`e\\`");
        assert_eq!(text("app.kubernetes.io/name=a_b"), "app.kubernetes.io/name=a_b");
    }

    #[test]
    fn a_fence_is_longer_than_any_within() {
        assert_eq!(block("a\n```\nb\n"), "````\na\n```\nb\n````\n");
        assert_eq!(block("a"), "```\na\n```\n");
    }
}
