//! A small deterministic random number generator: the same numbers on every machine and in every version.

/// `SplitMix64` (Steele, Lea and Flood 2014): a counter and a mixing function, 2^64 numbers before it repeats. Good
/// for test data, and for nothing that must not be guessed.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// A stream of its own for each seed, purpose and number, so that one draw more or less in one place changes
    /// nothing elsewhere.
    pub(super) fn new(seed: u64, purpose: &str, number: usize) -> Self {
        let mut random = Random(seed);
        for byte in purpose.bytes() {
            random = Random(random.next() ^ u64::from(byte));
        }
        Random(random.next() ^ number as u64)
    }

    /// The next number.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, 0 for a bound of 0. The bias of the remainder is below one in 2^40 for any bound here.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % (bound as u64).max(1)).unwrap_or(0)
    }

    /// True once in `count` draws.
    pub(super) fn once_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// One of `items`, which are not empty.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// `0..count` in random order (Fisher and Yates).
    pub(super) fn order(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            order.swap(last, self.below(last + 1));
        }
        order
    }
}

/// Draws ranks with given weights: binary search in their running sums.
pub(super) struct Weighted(Vec<u64>);

impl Weighted {
    /// Rank `r` of `count` weighs `1 / (offset + r)`: a power law with exponent 1 (Zipf), the flatter at its head
    /// the larger the offset.
    pub(super) fn power_law(count: usize, offset: usize) -> Self {
        let mut sum = 0;
        Weighted(
            (0..count)
                .map(|rank| {
                    sum += 1_000_000_000 / (offset.max(1) + rank) as u64;
                    sum
                })
                .collect(),
        )
    }

    /// A rank.
    pub(super) fn draw(&self, random: &mut Random) -> usize {
        let total = self.0.last().copied().unwrap_or(0).max(1);
        let drawn = random.next() % total;
        self.0.partition_point(|&sum| sum <= drawn)
    }
}

/// A share (0 to 1) of a count, rounded.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of objects are far below 2^52, and the share is clamped to 0..=1"
)]
pub(super) fn share_of(count: usize, share: f64) -> usize {
    (count as f64 * share.clamp(0.0, 1.0)).round() as usize
}
