//! Numbers that look random, and are the same for the same seed.

use std::time::{SystemTime, UNIX_EPOCH};

/// A stream of such numbers.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed that `NETINTENT_SEED` names, or else one of this moment. Whoever fails names it.
    ///
    /// # Errors
    ///
    /// If `NETINTENT_SEED` is no number.
    pub fn seed() -> Result<u64, std::num::ParseIntError> {
        match std::env::var("NETINTENT_SEED") {
            Ok(seed) => seed.parse(),
            Err(_) => Ok(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())),
        }
    }

    /// Another stream, which goes its own way from here.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// `SplitMix64`: neighbours among seeds have nothing in common.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below a bound, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// One of these.
    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        let number = self.below(all.len() as u64);
        all[usize::try_from(number).unwrap_or_default()]
    }
}
