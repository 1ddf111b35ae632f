//! What is open, and what there is to do.

use std::io::Write as _;

use jiff::Timestamp;

use crate::cli::{RecoverFormat, RecoverStatus};
use crate::cluster::Cluster;
use crate::error::{Result, Status};
use crate::printer;
use crate::render::recover as render;

pub(super) fn run(args: &RecoverStatus) -> Result<Status> {
    let state = Cluster::connect(&args.connection)?.recovery()?;
    let mut is_open = !state.services.is_empty();
    let mut known = Status::Yes;
    for configuration in &state.configurations {
        match configuration.record() {
            Ok(record) => is_open |= record.is_some(),
            Err(error) => {
                error.report();
                known = Status::Trouble;
            }
        }
    }
    let mut out = printer::stdout_for_text(args.output.format == RecoverFormat::Table);
    match args.output.format {
        RecoverFormat::Table => render::state(&mut out, &state, Timestamp::now())?,
        RecoverFormat::Json => render::json(&mut out, &state)?,
    }
    out.flush()?;
    Ok(if is_open && known == Status::Yes { Status::No } else { known })
}
