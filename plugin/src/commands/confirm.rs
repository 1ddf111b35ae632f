//! Asks whether a change is meant, before it is made.

use std::io::{self, BufRead as _, IsTerminal as _};

use crate::error::{Error, Result};
use crate::printer;

/// Asks a question that yes answers; anything else is no.
///
/// # Errors
/// Where nobody can be asked.
pub(super) fn confirmed(question: &str) -> Result<bool> {
    if !io::stdin().is_terminal() {
        let help = "say --yes where nobody can be asked, or look first with --dry-run=server".to_owned();
        return Err(Error::with_help("nobody can be asked whether this is meant: nothing was changed", help));
    }
    printer::ask(&format!("{question} [y/N] "));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(|error| Error::new(format!("cannot read: {error}")))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
