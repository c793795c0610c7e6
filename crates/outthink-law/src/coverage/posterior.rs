//! The posterior of the law of p on a grid, for several models on the same problems at once.

use rayon::prelude::*;

use crate::special::{ln_beta, ln_choose};

use super::SuccessLaw;

const LN_A: (f64, f64, usize) = (-5.0, 1.5, 66);
const LN_B: (f64, f64, usize) = (-3.0, 9.0, 73);
/// Where the line of the models is held: ln b = 2.
const LN_B_HELD: f64 = 2.0;
/// Scale of ln b about it.
const LN_B_SCALE: f64 = 2.5;
/// Prior of ln a on the line at ln b = 2: about 0.25, where the exponents of published coverage curves
/// lie (0.1 to 0.6, Brown et al. 2024, arXiv:2407.21787), give or take a factor of three.
const HEIGHT: (f64, f64) = (-1.386, 1.2);
/// Prior of the fall of ln a for each unit of ln b along the models of one benchmark.
const FALL: (f64, f64) = (0.4, 0.3);
/// Scales of the models about their line, equally likely.
const APART: [f64; 3] = [0.1, 0.2, 0.35];
const ATOMS: usize = 25;
const LARGEST_ATOM: f64 = 0.96;

/// Counts above this are met as "more than": what shapes coverage far out is the lower tail of p, and
/// a law that must also follow its upper half fits the tail worse.
fn cut(samples: u64) -> u64 {
    (samples / 20).max(3)
}

/// Equal count pairs with their number, those above the cut as one.
struct Row {
    samples: f64,
    /// Right samples; `None` where they are above the cut.
    correct: Option<f64>,
    times: f64,
}

fn rows(counts: &[(u64, u64)]) -> Vec<Row> {
    let mut keys: Vec<(u64, Option<u64>)> = counts.iter().map(|&(s, c)| (s, (c <= cut(s)).then_some(c))).collect();
    keys.sort_unstable();
    keys.chunk_by(|x, y| x == y)
        .map(|same| Row { samples: same[0].0 as f64, correct: same[0].1.map(|c| c as f64), times: same.len() as f64 })
        .collect()
}

fn grid((low, high, steps): (f64, f64, usize)) -> impl Iterator<Item = f64> + Clone {
    (0..steps).map(move |i| low + (high - low) * i as f64 / (steps - 1) as f64)
}

/// ln of the Beta-Binomial probability of `c` right of `s`.
fn ln_pmf(s: f64, c: f64, a: f64, b: f64, whole: f64) -> f64 {
    ln_choose(s, c) + ln_beta(a + c, b + s - c) - whole
}

/// One model's likelihood at one (a, b), for each atom.
struct Cell {
    /// (ln a, ln b).
    at: (f64, f64),
    /// ln likelihood by atom.
    atoms: [f64; ATOMS],
}

fn atom(index: usize) -> f64 {
    LARGEST_ATOM * index as f64 / (ATOMS - 1) as f64
}

fn cells(counts: &[(u64, u64)]) -> Vec<Cell> {
    let rows = rows(counts);
    let mut all = Vec::with_capacity(LN_A.2 * LN_B.2);
    for ln_a in grid(LN_A) {
        for ln_b in grid(LN_B) {
            let (a, b) = (ln_a.exp(), ln_b.exp());
            let whole = ln_beta(a, b);
            let mut ln_alive = 0.0;
            let mut alive = 0.0;
            let mut blanks: Vec<(f64, f64)> = Vec::new();
            for row in &rows {
                match row.correct {
                    Some(0.0) => blanks.push((ln_pmf(row.samples, 0.0, a, b, whole).exp(), row.times)),
                    Some(c) => {
                        ln_alive += row.times * ln_pmf(row.samples, c, a, b, whole);
                        alive += row.times;
                    }
                    None => {
                        let most = cut(row.samples as u64);
                        let below: f64 = (0..=most).map(|c| ln_pmf(row.samples, c as f64, a, b, whole).exp()).sum();
                        ln_alive += row.times * (1.0 - below).max(1e-15).ln();
                        alive += row.times;
                    }
                }
            }
            let atoms = std::array::from_fn(|i| {
                let hopeless = atom(i);
                let blank: f64 = blanks.iter().map(|(p, t)| t * (hopeless + (1.0 - hopeless) * p).ln()).sum();
                ln_alive + alive * (1.0 - hopeless).ln() + blank
            });
            all.push(Cell { at: (ln_a, ln_b), atoms });
        }
    }
    all
}

/// ln of the prior of the atoms: none with one less `chance`, else flat.
fn ln_atom_prior(index: usize, chance: f64) -> f64 {
    if index == 0 { (1.0 - chance).ln() } else { (chance / (ATOMS - 1) as f64).ln() }
}

/// A line along which the models of one benchmark lie, with its prior weight.
struct Line {
    height: f64,
    fall: f64,
    apart: f64,
    ln_weight: f64,
}

fn lines() -> Vec<Line> {
    let mut all = Vec::new();
    for height in grid((HEIGHT.0 - 2.0 * HEIGHT.1, HEIGHT.0 + 2.0 * HEIGHT.1, 13)) {
        for fall in grid((0.0, FALL.0 + 2.0 * FALL.1, 9)) {
            let z = ((height - HEIGHT.0) / HEIGHT.1).powi(2) + ((fall - FALL.0) / FALL.1).powi(2);
            all.extend(APART.map(|apart| Line { height, fall, apart, ln_weight: -0.5 * z }));
        }
    }
    all
}

impl Line {
    /// Prior density of a model at (ln a, ln b), up to a constant that all lines share: Student's t
    /// with four degrees of freedom off the line, so that a stray model is let go.
    fn density(&self, (ln_a, ln_b): (f64, f64)) -> f64 {
        let off = (ln_a - self.height + self.fall * (ln_b - LN_B_HELD)) / self.apart;
        let strength = (ln_b - LN_B_HELD) / LN_B_SCALE;
        let spread = 1.0 + off * off / 4.0;
        (-0.5 * strength * strength).exp() / (self.apart * spread * spread * spread.sqrt())
    }
}

/// Laws with their posterior weights, which sum to 1.
pub(super) type Weighted = Vec<(SuccessLaw, f64)>;

/// What the counts of several models say of their laws, before any prior.
pub(super) struct Evidence {
    lines: Vec<Line>,
    models: Vec<Vec<Cell>>,
}

impl Evidence {
    pub(super) fn new(models: &[Vec<(u64, u64)>]) -> Self {
        Self { lines: lines(), models: models.par_iter().map(|m| cells(m)).collect() }
    }
}

/// The posterior of each model's law, given the counts of all.
///
/// Models measured on the same problems lie near a line in (ln a, ln b): a stronger one has more
/// weight near 1 and less near 0. The line is unknown, and what the well-measured models say of it
/// carries over to those that have hardly solved anything.
pub(super) fn posteriors(evidence: &Evidence, atom_chance: f64) -> Vec<Weighted> {
    let (lines, cells) = (&evidence.lines, &evidence.models);
    // For each model: the cells that matter, their weight over all atoms, and the evidence by line.
    let mut kept: Vec<Vec<(usize, f64)>> = Vec::new();
    let mut ln_evidence: Vec<Vec<f64>> = Vec::new();
    for cells in cells {
        let ln: Vec<f64> =
            (cells.iter()).map(|c| ln_sum((0..ATOMS).map(|i| c.atoms[i] + ln_atom_prior(i, atom_chance)))).collect();
        let top = ln.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let near: Vec<(usize, f64)> =
            ln.iter().enumerate().filter(|(_, l)| **l > top - 25.0).map(|(i, l)| (i, (l - top).exp())).collect();
        ln_evidence.push(
            (lines.iter())
                .map(|line| {
                    let sum: f64 = near.iter().map(|(i, w)| w * line.density(cells[*i].at)).sum();
                    sum.max(1e-300).ln()
                })
                .collect(),
        );
        kept.push(near);
    }
    let of_line: Vec<f64> =
        (0..lines.len()).map(|l| lines[l].ln_weight + ln_evidence.iter().map(|e| e[l]).sum::<f64>()).collect();
    let whole = ln_sum(of_line.iter().copied());
    (cells.iter().zip(&kept).zip(&ln_evidence))
        .map(|((cells, near), evidence)| {
            let of_line: Vec<f64> = of_line.iter().zip(evidence).map(|(w, e)| (w - whole - e).exp()).collect();
            let mut weighted = Vec::new();
            for &(i, w) in near {
                let cell = &cells[i];
                let prior: f64 = lines.iter().zip(&of_line).map(|(line, v)| v * line.density(cell.at)).sum();
                let ln_atoms: [f64; ATOMS] = std::array::from_fn(|k| cell.atoms[k] + ln_atom_prior(k, atom_chance));
                let over_atoms = ln_sum(ln_atoms.iter().copied());
                for (k, ln) in ln_atoms.iter().enumerate() {
                    let law = SuccessLaw { a: cell.at.0.exp(), b: cell.at.1.exp(), atom: atom(k) };
                    weighted.push((law, w * prior * (ln - over_atoms).exp()));
                }
            }
            let sum: f64 = weighted.iter().map(|c| c.1).sum();
            let most = weighted.iter().map(|c| c.1).fold(0.0, f64::max);
            weighted.retain(|c| c.1 > 1e-9 * most);
            for cell in &mut weighted {
                cell.1 /= sum;
            }
            weighted
        })
        .collect()
}

fn ln_sum(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let top = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    top + terms.map(|t| (t - top).exp()).sum::<f64>().ln()
}
