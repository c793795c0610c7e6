//! How long it takes to find an answer in a reply of half a kilobyte, by where it stands:
//!
//! ```sh
//! cargo run --release -p outthink-verify --example speed
//! ```

#![allow(clippy::print_stdout, reason = "a measurement prints")]

use outthink_verify::find_answer;
use std::hint::black_box;
use std::time::Instant;

const STEPS: &str = "A baker sells 7 boxes of 12 rolls and 9 single rolls. First, each box holds 12 rolls, so 7 boxes \
                     hold 7 * 12 = 84 rolls. Then there are the single rolls, of which there are 9. Both together \
                     make 84 + 9 = 93 rolls, since nothing is sold twice. We can check this by taking the single \
                     rolls away again: 93 - 9 = 84, and 84 / 12 = 7, which is the number of boxes.\n";

fn main() {
    for (kind, end) in [
        ("boxed fraction", "So the share is \\(\\boxed{\\frac{3}{4}}\\)."),
        ("stated", "The answer is 93."),
        ("stated in Chinese", "所以答案是93。"),
        ("last number", "That makes 93 rolls in all."),
        ("none", "I hope that this helps, and wish you a good day."),
    ] {
        let reply = format!("{STEPS}{end}");
        let rounds = 2_000;
        let began = Instant::now();
        for _ in 0..rounds {
            black_box(find_answer(black_box(&reply)));
        }
        let micros = began.elapsed().as_secs_f64() * 1e6 / f64::from(rounds);
        println!("{kind:<20} {micros:7.1} µs   {:?}", find_answer(&reply).map(|a| a.text));
    }
}
