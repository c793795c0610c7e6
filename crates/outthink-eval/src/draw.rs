//! Random orders.

use outthink_core::derive_seed;

/// A random order of `0..n` by a seed and a stream's number (Fisher and Yates).
pub(crate) fn order(n: usize, seed: u64, stream: u64) -> Vec<usize> {
    let base = derive_seed(seed, stream);
    let mut order: Vec<usize> = (0..n).collect();
    // The modulo's bias is below 2^-50 for such short lists.
    for i in (1..n).rev() {
        order.swap(i, (derive_seed(base, i as u64) % (i as u64 + 1)) as usize);
    }
    order
}

/// `n` draws with replacement of `0..n`.
pub(crate) fn with_replacement(n: usize, seed: u64, stream: u64) -> Vec<usize> {
    let base = derive_seed(seed ^ 0xB007, stream);
    (0..n as u64).map(|i| (derive_seed(base, i) % n.max(1) as u64) as usize).collect()
}
