//! The one owner of standard output and standard error.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use netintent::names::printable;

use crate::cli::Format;

/// Good news.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Bad news.
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
/// Something to look at.
pub(crate) const NOTE: Style = AnsiColor::Yellow.on_default();
/// Something of less weight.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// Something of more weight.
pub(crate) const BOLD: Style = Style::new().bold();

/// Standard output, buffered.
pub(crate) type Out = BufWriter<Box<dyn Write>>;

/// Opens standard output for text; colours are taken out where they are not wanted.
pub(crate) fn stdout() -> Out {
    buffered(Box::new(anstream::AutoStream::auto(io::stdout().lock())))
}

/// Opens standard output for data, which goes out as it is.
pub(crate) fn data() -> Out {
    buffered(Box::new(io::stdout().lock()))
}

/// Opens standard output for an answer in some format.
pub(crate) fn stdout_for(format: Format) -> Out {
    stdout_for_text(matches!(format, Format::Table | Format::Wide | Format::Markdown))
}

/// Opens standard output for text that people read, or for data.
pub(crate) fn stdout_for_text(text: bool) -> Out {
    if text { stdout() } else { data() }
}

fn buffered(out: Box<dyn Write>) -> Out {
    BufWriter::with_capacity(1 << 16, out)
}

/// How many columns a table may have: those of the terminal; `None` where standard output is none.
pub(crate) fn width() -> Option<u16> {
    if !io::stdout().is_terminal() {
        return None;
    }
    terminal_size::terminal_size().map(|(width, _)| width.0)
}

/// `text` in a style.
pub(crate) fn styled(style: Style, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{style}{text}{style:#}") }
}

fn to_stderr(text: &str) {
    // Nothing is left to do where even standard error is closed.
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Prints an error and what to do about it.
pub(crate) fn error(message: &str, help: Option<&str>) {
    let help = help.map_or_else(String::new, |help| format!("{}: {}\n", styled(BOLD, "help"), printable(help)));
    progress("");
    to_stderr(&format!("{}: {}\n{help}", styled(BAD.bold(), "error"), printable(message)));
}

/// Prints errors that were worded with their places, the first ones of many.
pub(crate) fn reports(reports: &[String]) {
    const MOST: usize = 20;
    for report in reports.iter().take(MOST) {
        to_stderr(&format!("{report}\n\n"));
    }
    let more = if reports.len() > MOST { format!(", of which the first {MOST} are shown") } else { String::new() };
    let errors = if reports.len() == 1 { "1 error".to_owned() } else { format!("{} errors", reports.len()) };
    to_stderr(&format!("{}: {errors} in the manifests{more}; nothing was evaluated\n", styled(BAD.bold(), "error")));
}

/// Prints a warning.
pub(crate) fn warning(text: &str) {
    to_stderr(&format!("{}: {}\n", styled(NOTE.bold(), "warning"), printable(text)));
}

/// Prints a remark.
pub(crate) fn note(text: &str) {
    to_stderr(&format!("{text}\n"));
}

/// Asks something, on the line where the answer is to stand.
pub(crate) fn ask(text: &str) {
    to_stderr(text);
}

/// Says on a terminal how far something is, in place of what was said before; nothing takes it away.
pub(crate) fn progress(text: &str) {
    if io::stderr().is_terminal() {
        // That the line is taken back is no colour: it goes out where colours are not wanted, too.
        let _ = io::stderr().lock().write_all(format!("\r\u{1b}[K{text}").as_bytes());
    }
}

/// Prints help to standard output, or what is wrong with the command line to standard error.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // A closed pipe is no error here either.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}
