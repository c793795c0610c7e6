//! A small generator of the tests' own, so that their data do not move with the crate's, and the published data.

pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn seeded(seed: u64) -> Self {
        let mut draws = Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for _ in 0..8 {
            draws.uniform();
        }
        draws
    }

    /// A stream far from those of neighbouring seeds (the mix of `SplitMix64`), for many seeds in a row.
    pub(crate) fn mixed(seed: u64) -> Self {
        let z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(z ^ (z >> 31))
    }

    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn normal(&mut self) -> f64 {
        let r = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        r * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// How many of `k` draws without replacement from `n` are among the `c` right ones.
    pub(crate) fn hypergeometric(&mut self, n: u64, c: u64, k: u64) -> u64 {
        let mut hits = 0;
        for i in 0..k {
            if self.uniform() * ((n - i) as f64) < (c - hits) as f64 {
                hits += 1;
            }
        }
        hits
    }
}

/// The text of a file of published measurements; `None`, with the reason printed, where it is absent.
pub(crate) fn laws_file(name: &str) -> Option<String> {
    let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/laws").join(name);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: {} is absent", path.display());
    }
    text
}
