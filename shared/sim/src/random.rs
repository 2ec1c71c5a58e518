//! The one source of chance: a seeded generator whose every draw is the same for the same seed.

/// SplitMix64 (Steele, Lea, Flood 2014): small, fast and good enough to pick faults with.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The generator of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed ^ 0x6f72_6b00_7369_6d00)
    }
    /// Any number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// A number below `n`, which is at least 1.
    pub const fn below(&mut self, n: u64) -> u64 {
        // The bias is below n / 2^64: of no consequence here.
        self.next() % n
    }
    /// A number from `low` to `high`, both included.
    pub const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }
    /// True once in `n` times.
    pub const fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
    /// True `thousandths` times in a thousand.
    pub const fn chance(&mut self, thousandths: u32) -> bool {
        self.below(1000) < thousandths as u64
    }
    /// One of them; there is at least one.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let at = self.below(from.len() as u64);
        &from[usize::try_from(at).expect("an index of a slice")]
    }
    /// A span between `low` and `high`, small ones as likely as large ones (log-uniform).
    pub const fn span(&mut self, low: u64, high: u64) -> u64 {
        let low = if low == 0 { 1 } else { low };
        let doublings = (high / low).ilog2() as u64 + 1;
        let most = low << self.between(1, doublings);
        let most = if most > high { high } else { most };
        self.between(low, most)
    }
    /// Another generator that draws independently of this one.
    pub const fn fork(&mut self) -> Self {
        Self::new(self.next())
    }
}
