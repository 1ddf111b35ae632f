//! Numbers of things in a list.

/// A place in a list as a number of 32 bits, which is what is kept of millions of them.
#[expect(clippy::expect_used, reason = "INVARIANT: no input of any permitted size has four billion of anything")]
pub(crate) fn number(place: usize) -> u32 {
    u32::try_from(place).expect("a list of fewer than four billion items")
}
