//! Axes: scale, range and the words at the ticks.

/// How the numbers at the ticks are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Ticks {
    /// As numbers; large ones with k, M, B, T, then as powers of ten.
    #[default]
    Plain,
    /// As per cent of 1.
    Share,
}

/// One axis of a panel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    /// What it shows and in which unit.
    pub(crate) label: String,
    /// Whether it is logarithmic.
    pub(crate) log: bool,
    /// How its ticks are written.
    pub(crate) ticks: Ticks,
}

impl Axis {
    /// A linear axis.
    pub(crate) fn linear(label: impl Into<String>) -> Self {
        Self { label: label.into(), log: false, ticks: Ticks::Plain }
    }

    /// A logarithmic axis.
    pub(crate) fn log(label: impl Into<String>) -> Self {
        Self { log: true, ..Self::linear(label) }
    }

    /// A linear axis of shares, written as per cent.
    pub(crate) fn share(label: impl Into<String>) -> Self {
        Self { ticks: Ticks::Share, ..Self::linear(label) }
    }

    /// Whether a value can stand on it. Numbers that no measurement has are none: the library's
    /// ticks do not end on axes of hundreds of decades.
    pub(super) fn holds(&self, value: f64) -> bool {
        value.abs() <= 1e60 && (!self.log || value >= 1e-60)
    }

    /// From where to where the axis goes when it shows `values`, some air at both ends.
    pub(super) fn span(&self, values: impl Iterator<Item = f64>) -> (f64, f64) {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|v| self.holds(*v)) {
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            return if self.log { (1.0, 10.0) } else { (0.0, 1.0) };
        }
        if self.log {
            let (mut low, mut high) = (low.log10(), high.log10());
            let air = ((high - low) * 0.05).max(0.02);
            (low, high) = (low - air, high + air);
            // Two labelled ticks at the least, or nobody can read a value off the axis.
            while ticks_within(low, high) < 2 {
                low -= 0.05;
                high += 0.05;
            }
            return (10f64.powf(low), 10f64.powf(high));
        }
        let (wide_low, wide_high) = widen(low, high, 0.5);
        if self.ticks == Ticks::Share {
            return (
                if low >= 0.0 { wide_low.max(0.0) } else { wide_low },
                if high <= 1.0 { wide_high.min(1.0) } else { wide_high },
            );
        }
        (if low >= 0.0 { wide_low.max(0.0) } else { wide_low }, wide_high)
    }

    /// Where a value stands between the ends of `span`, 0 to 1.
    pub(super) fn place(&self, value: f64, (low, high): (f64, f64)) -> f64 {
        let scale = |v: f64| if self.log { v.ln() } else { v };
        (scale(value) - scale(low)) / (scale(high) - scale(low))
    }

    /// The value at a share of the way from `from` to `to`, as the eye sees it.
    pub(super) fn between(&self, from: f64, to: f64, share: f64) -> f64 {
        if self.log { from * (to / from).powf(share) } else { from + share * (to - from) }
    }

    /// What stands at a tick.
    pub(super) fn word(&self, value: f64) -> String {
        match self.ticks {
            Ticks::Share => {
                let percent = value * 100.0;
                let digits = usize::from((percent - percent.round()).abs() > 1e-6);
                format!("{percent:.digits$} %")
            }
            Ticks::Plain => plain(value),
        }
    }
}

/// Adds a twentieth at both ends, or `least` where there is next to nothing between them.
fn widen(low: f64, high: f64, least: f64) -> (f64, f64) {
    let size = low.abs().max(high.abs());
    let air = if high - low > 1e-9 * size { (high - low) * 0.05 } else { least * size.max(1.0) };
    (low - air, high + air)
}

/// Ticks at 1, 2 and 5 of each decade between two powers of ten.
fn ticks_within(low: f64, high: f64) -> usize {
    let steps = [0.0, 2f64.log10(), 5f64.log10()];
    let decades = low.floor() as i32..=high.ceil() as i32;
    decades.flat_map(|d| steps.map(|s| f64::from(d) + s)).filter(|t| (low..=high).contains(t)).count()
}

/// A number in few characters.
pub(crate) fn plain(value: f64) -> String {
    let size = value.abs();
    let scaled = |unit: f64, suffix: &str| {
        let digits = trim(format!("{:.2}", value / unit));
        format!("{digits}{suffix}")
    };
    match size {
        0.0 => "0".into(),
        _ if !(1e-3..1e15).contains(&size) => power(value),
        _ if size >= 1e12 => scaled(1e12, "T"),
        _ if size >= 1e9 => scaled(1e9, "B"),
        _ if size >= 1e6 => scaled(1e6, "M"),
        _ if size >= 1e4 => scaled(1e3, "k"),
        _ => trim(format!("{value:.4}")),
    }
}

/// A number as `2×10²⁴`, in plain characters.
fn power(value: f64) -> String {
    let mut exponent = value.abs().log10().floor() as i32;
    let mut lead = value / 10f64.powi(exponent);
    if (lead.abs() - 10.0).abs() < 1e-9 {
        exponent += 1;
        lead /= 10.0;
    }
    let raised: String = exponent.to_string().chars().map(superscript).collect();
    let lead = trim(format!("{lead:.2}"));
    match lead.as_str() {
        "1" => format!("10{raised}"),
        "-1" => format!("-10{raised}"),
        _ => format!("{lead}×10{raised}"),
    }
}

fn superscript(digit: char) -> char {
    match digit {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '0' => '⁰',
        other => char::from_u32(0x2070 + other.to_digit(10).unwrap_or(0)).unwrap_or(other),
    }
}

/// Without zeros at the end of a fraction.
fn trim(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
