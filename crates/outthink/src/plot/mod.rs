//! Figures: lines, points with error bars and bands in panels, as SVG and PNG.
//!
//! A [`Figure`] says what is shown; `draw` hands it to the plotting library. Colours are those of
//! Okabe and Ito (2008), which people with any colour vision tell apart, and series differ in
//! marker and dash as well, so that a print in grey is still read.

mod axis;
mod draw;

pub(crate) use axis::Axis;

use crate::error::CliError;
use anyhow::Context;
use std::path::Path;

/// What is shown: panels side by side, three a row at most.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    /// Above all panels; empty for none.
    pub(crate) title: String,
    /// The panels in reading order.
    pub(crate) panels: Vec<Panel>,
}

/// One pair of axes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    /// Above the axes; empty for none.
    pub(crate) title: String,
    /// The horizontal axis.
    pub(crate) x: Axis,
    /// The vertical axis.
    pub(crate) y: Axis,
    /// What is drawn, the first at the bottom.
    pub(crate) series: Vec<Series>,
}

/// One line, cloud of points or band.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// Its name in the legend; empty leaves it out of the legend.
    pub(crate) name: String,
    /// Its colour and marker by number, counted round; what belongs together takes one number.
    pub(crate) colour: usize,
    /// What it is.
    pub(crate) mark: Mark,
}

/// What a series is. Points that are not finite, or not positive on a logarithmic axis, are left
/// out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mark {
    /// A line through (x, y).
    Line {
        /// Its points in order.
        points: Vec<(f64, f64)>,
        /// Whether it is broken, as for a forecast.
        dashed: bool,
    },
    /// Points, each with an interval or without one.
    Points(Vec<Point>),
    /// The room between two curves: (x, low, high).
    Band(Vec<(f64, f64, f64)>),
}

/// A measured point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    /// Horizontal.
    pub(crate) x: f64,
    /// Vertical.
    pub(crate) y: f64,
    /// Lower and upper end of its interval, on the axis's own scale.
    pub(crate) interval: Option<(f64, f64)>,
}

impl Series {
    /// A line.
    pub(crate) fn line(name: impl Into<String>, colour: usize, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), colour, mark: Mark::Line { points, dashed: false } }
    }

    /// A broken line, as for what was not measured.
    pub(crate) fn dashed(name: impl Into<String>, colour: usize, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), colour, mark: Mark::Line { points, dashed: true } }
    }

    /// Points.
    pub(crate) fn points(name: impl Into<String>, colour: usize, points: Vec<Point>) -> Self {
        Self { name: name.into(), colour, mark: Mark::Points(points) }
    }

    /// A band; it takes no line in the legend.
    pub(crate) fn band(colour: usize, edges: Vec<(f64, f64, f64)>) -> Self {
        Self { name: String::new(), colour, mark: Mark::Band(edges) }
    }
}

/// What a figure is laid upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    /// White paper.
    Light,
    /// A dark page.
    Dark,
}

impl Figure {
    /// A figure of one panel, without a title of its own.
    pub(crate) fn of(panel: Panel) -> Self {
        Self { title: String::new(), panels: vec![panel] }
    }

    /// The figure as an SVG document.
    pub(crate) fn svg(&self, ground: Ground) -> String {
        draw::svg(self, ground)
    }

    /// The figure as a PNG file with twice the SVG's pixels.
    pub(crate) fn png(&self, ground: Ground) -> Result<Vec<u8>, CliError> {
        draw::png(self, ground)
    }

    /// Writes the figure to a file on a light ground, as what its name ends in: `.svg` or `.png`.
    pub(crate) fn write(&self, path: &Path) -> Result<(), CliError> {
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        let bytes = match ending {
            "svg" => self.svg(Ground::Light).into_bytes(),
            "png" => self.png(Ground::Light)?,
            _ => {
                return Err(CliError::usage(format!("cannot draw a figure as {}", path.display()))
                    .hint("give a name that ends in .svg or .png"));
            }
        };
        std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
