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
    for configuration in &state.configurations {
        is_open |= configuration.record()?.is_some();
    }
    let mut out = printer::stdout_for_text(args.output.format == RecoverFormat::Table);
    match args.output.format {
        RecoverFormat::Table => render::state(&mut out, &state, Timestamp::now())?,
        RecoverFormat::Json => render::json(&mut out, &state)?,
    }
    out.flush()?;
    Ok(if is_open { Status::No } else { Status::Yes })
}
