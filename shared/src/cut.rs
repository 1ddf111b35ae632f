//! What a mode would cut: the connections possible now and not under another mode.

use crate::diff::{Difference, diff};
use crate::snapshot::Snapshot;

/// Gives to `emit` every connection of `now` of which `then`, the same objects under other modes, allows less.
///
/// # Errors
/// The first error of `emit`, which ends the comparison.
pub fn cut<'a, E>(
    now: &'a Snapshot,
    then: &'a Snapshot,
    emit: &mut dyn FnMut(Difference<'a>) -> Result<(), E>,
) -> Result<(), E> {
    diff(now, then, &mut |difference| {
        if difference.lost().iter().any(|ports| !ports.is_empty()) { emit(difference) } else { Ok(()) }
    })
}
