//! From a figure to the plotting library's scene.

use super::{Axis, Figure, Ground, Mark, Panel, Point, Series};
use crate::error::CliError;
use kuva::backend::png::PngBackend;
use kuva::backend::svg::SvgBackend;
use kuva::plot::legend::{LegendEntry, LegendPosition, LegendShape};
use kuva::plot::scatter::MarkerShape;
use kuva::plot::{BandPlot, LinePlot, ScatterPlot};
use kuva::render::figure::Figure as Grid;
use kuva::render::layout::{Layout, TickFormat};
use kuva::render::plots::Plot;
use kuva::render::render::Scene;
use kuva::render::theme::Theme;
use std::sync::Arc;

/// Panels side by side at most.
const COLUMNS: usize = 3;
/// Pixels of a panel in SVG.
const PANEL: (f64, f64) = (430.0, 305.0);
/// Pixels of a row of the legend under it.
const LEGEND_ROW: f64 = 24.0;
/// Characters of a name that one column of the legend shows.
const LEGEND_CHARS: usize = 46;
/// Pixels of PNG for each of SVG.
const SCALE: f32 = 2.0;

/// Okabe and Ito's colours, those first that stand out from the ground; their yellow is too near
/// to white, and their black to a dark page.
const ON_LIGHT: [&str; 7] = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555"];
const ON_DARK: [&str; 7] = ["#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#D55E00", "#BBBBBB"];
const MARKERS: [MarkerShape; 7] = [
    MarkerShape::Circle,
    MarkerShape::Square,
    MarkerShape::Triangle,
    MarkerShape::Diamond,
    MarkerShape::TriangleDown,
    MarkerShape::Plus,
    MarkerShape::Cross,
];

pub(super) fn svg(figure: &Figure, ground: Ground) -> String {
    let svg = SvgBackend::new().render_scene(&scene(figure, ground));
    // With a view box it takes any width that a page gives it.
    let size = |name: &str| {
        let (_, rest) = svg.split_once(&format!(" {name}=\""))?;
        rest.split_once('"').map(|(number, _)| number.to_owned())
    };
    match (svg.strip_prefix("<svg "), size("width"), size("height")) {
        (Some(rest), Some(width), Some(height)) if !rest.contains("viewBox") => {
            format!("<svg viewBox=\"0 0 {width} {height}\" {rest}")
        }
        _ => svg,
    }
}

pub(super) fn png(figure: &Figure, ground: Ground) -> Result<Vec<u8>, CliError> {
    let backend = PngBackend::new().with_scale(SCALE);
    backend.render_scene(&scene(figure, ground)).map_err(|e| CliError::failure(format!("cannot draw the figure: {e}")))
}

fn scene(figure: &Figure, ground: Ground) -> Scene {
    let columns = figure.panels.len().clamp(1, COLUMNS);
    let rows = figure.panels.len().div_ceil(columns).max(1);
    let (plots, layouts): (Vec<_>, Vec<_>) = figure.panels.iter().map(|panel| panel_of(panel, ground)).unzip();
    let legend_rows = figure.panels.iter().map(legend_rows).max().unwrap_or(0);
    let mut grid = Grid::new(rows, columns)
        .with_plots(plots)
        .with_layouts(layouts)
        .with_cell_size(PANEL.0, PANEL.1 + LEGEND_ROW * legend_rows as f64)
        .with_spacing(18.0)
        .with_padding(8.0);
    if !figure.title.is_empty() {
        grid = grid.with_title(figure.title.clone()).with_title_size(18);
    }
    grid.render()
}

fn panel_of(panel: &Panel, ground: Ground) -> (Vec<Plot>, Layout) {
    let (x, y) = (panel.x.span(values(panel, false)), panel.y.span(values(panel, true)));
    let plots: Vec<Plot> = panel.series.iter().flat_map(|series| plots_of(series, panel, ground)).collect();
    let mut layout = Layout::auto_from_plots(&plots)
        .with_x_label(panel.x.label.clone())
        .with_y_label(panel.y.label.clone())
        .with_x_axis_min(x.0)
        .with_x_axis_max(x.1)
        .with_y_axis_min(y.0)
        .with_y_axis_max(y.1)
        .with_x_tick_format(format(&panel.x))
        .with_y_tick_format(format(&panel.y))
        .with_legend_position(LegendPosition::OutsideBottomColumns)
        .with_legend_box(false)
        .with_legend_col_limit(legend_columns(panel))
        // Given by us: of what the library gathers itself it counts too little, and cuts the last rows off.
        .with_legend_entries(legend(panel, ground))
        .with_title_size(15)
        .with_label_size(13)
        .with_tick_size(11)
        .with_body_size(11)
        .with_theme(theme(ground));
    layout.x_range = x;
    layout.y_range = y;
    if !panel.title.is_empty() {
        layout = layout.with_title(panel.title.clone());
    }
    if panel.x.log {
        layout = layout.with_log_x();
    }
    if panel.y.log {
        layout = layout.with_log_y();
    }
    (plots, layout)
}

/// All that an axis must have room for.
fn values(panel: &Panel, vertical: bool) -> impl Iterator<Item = f64> {
    panel.series.iter().flat_map(move |series| -> Vec<f64> {
        match &series.mark {
            Mark::Line { points, .. } => points.iter().map(|p| if vertical { p.1 } else { p.0 }).collect(),
            Mark::Points(points) if vertical => points
                .iter()
                .flat_map(|p| [p.y, p.interval.map_or(p.y, |i| i.0), p.interval.map_or(p.y, |i| i.1)])
                .collect(),
            Mark::Points(points) => points.iter().map(|p| p.x).collect(),
            Mark::Band(edges) if vertical => edges.iter().flat_map(|e| [e.1, e.2]).collect(),
            Mark::Band(edges) => edges.iter().map(|e| e.0).collect(),
        }
    })
}

/// A name that fits the legend: of one that is too long the beginning and the end, where names differ.
fn legend_name(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    if chars.len() <= LEGEND_CHARS {
        return name.to_owned();
    }
    let (head, tail) = (LEGEND_CHARS / 3, LEGEND_CHARS - LEGEND_CHARS / 3 - 1);
    let part = |from: usize, to: usize| chars[from..to].iter().collect::<String>();
    format!("{}…{}", part(0, head).trim_end(), part(chars.len() - tail, chars.len()).trim_start())
}

/// The legend of a panel, a row a name.
fn legend(panel: &Panel, ground: Ground) -> Vec<LegendEntry> {
    let colours = if ground == Ground::Light { ON_LIGHT } else { ON_DARK };
    let named = panel.series.iter().filter(|s| !s.name.is_empty());
    let entry = |series: &Series| {
        let (shape, dasharray) = match &series.mark {
            Mark::Line { dashed, .. } => (LegendShape::Line, dashed.then(|| "8 5".to_owned())),
            Mark::Points(_) => (LegendShape::Marker(MARKERS[series.colour % MARKERS.len()]), None),
            Mark::Band(_) => (LegendShape::Rect, None),
        };
        let color = colours[series.colour % colours.len()].to_owned();
        LegendEntry { label: legend_name(&series.name), color, shape, dasharray }
    };
    named.map(entry).collect()
}

/// The names that the legend of a panel shows.
fn names(panel: &Panel) -> impl Iterator<Item = &str> {
    panel.series.iter().map(|s| s.name.as_str()).filter(|n| !n.is_empty())
}

/// How many names fit side by side under a panel.
fn legend_columns(panel: &Panel) -> usize {
    let longest = panel.series.iter().map(|s| s.name.chars().count().min(LEGEND_CHARS)).max().unwrap_or(0);
    ((PANEL.0 - 60.0) / (longest as f64 * 6.8 + 40.0)).floor().clamp(1.0, 4.0) as usize
}

fn legend_rows(panel: &Panel) -> usize {
    names(panel).count().div_ceil(legend_columns(panel))
}

fn plots_of(series: &Series, panel: &Panel, ground: Ground) -> Vec<Plot> {
    let colours = if ground == Ground::Light { ON_LIGHT } else { ON_DARK };
    let colour = colours[series.colour % colours.len()];
    match &series.mark {
        Mark::Line { points, dashed } => lines(series, panel, (points, *dashed), colour),
        Mark::Points(points) => cloud(series, panel, points, colour).into_iter().collect(),
        Mark::Band(edges) => band(panel, edges, colour).into_iter().collect(),
    }
}

fn lines(series: &Series, panel: &Panel, (points, dashed): (&[(f64, f64)], bool), colour: &str) -> Vec<Plot> {
    let points: Vec<(f64, f64)> = points.iter().copied().filter(|p| panel.x.holds(p.0) && panel.y.holds(p.1)).collect();
    if points.len() < 2 {
        return Vec::new();
    }
    let pieces = if dashed { dashes(&points, panel) } else { vec![points] };
    let line = |(i, points): (usize, Vec<(f64, f64)>)| {
        let mut line = LinePlot::new().with_data(points).with_color(colour).with_stroke_width(2.0);
        if i == 0 && !series.name.is_empty() {
            line = line.with_legend(legend_name(&series.name));
            if dashed {
                // A dash of the library's is as long as ours, so that the piece stays whole.
                line = line.with_dashed();
            }
        }
        Plot::Line(line)
    };
    pieces.into_iter().enumerate().map(line).collect()
}

/// Cuts a line into dashes. The library's PNG begins its dash anew at each point, which makes
/// lines of many points whole.
fn dashes(points: &[(f64, f64)], panel: &Panel) -> Vec<Vec<(f64, f64)>> {
    const ON: f64 = 8.0;
    const OFF: f64 = 5.0;
    // A line that leaves the axes far behind is not followed to its end.
    const MOST: usize = 500;
    let (x, y) = (panel.x.span(values(panel, false)), panel.y.span(values(panel, true)));
    let to = |p: (f64, f64)| (panel.x.place(p.0, x) * PANEL.0 * 0.85, panel.y.place(p.1, y) * PANEL.1 * 0.65);
    let mut pieces = Vec::new();
    let mut piece = vec![points[0]];
    let (mut drawing, mut left) = (true, ON);
    for pair in points.windows(2) {
        let (from, end) = (to(pair[0]), to(pair[1]));
        let length = (end.0 - from.0).hypot(end.1 - from.1);
        let mut done = 0.0;
        while length - done >= left && pieces.len() < MOST {
            done += left;
            let share = done / length;
            let cut = (panel.x.between(pair[0].0, pair[1].0, share), panel.y.between(pair[0].1, pair[1].1, share));
            if drawing {
                piece.push(cut);
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![cut];
            }
            drawing = !drawing;
            left = if drawing { ON } else { OFF };
        }
        left -= length - done;
        if drawing {
            piece.push(pair[1]);
        }
    }
    if piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

fn cloud(series: &Series, panel: &Panel, points: &[Point], colour: &str) -> Option<Plot> {
    let (x, y) = (&panel.x, &panel.y);
    let kept: Vec<&Point> = points.iter().filter(|p| x.holds(p.x) && y.holds(p.y)).collect();
    let arms = |p: &Point| {
        let (low, high) = p.interval.unwrap_or((p.y, p.y));
        // An end that the axis does not hold is drawn at the point itself.
        let arm = |end: f64| if y.holds(end) { (p.y - end).abs() } else { 0.0 };
        (arm(low), arm(high))
    };
    let mut cloud = ScatterPlot::new()
        .with_data(kept.iter().map(|p| (p.x, p.y)))
        .with_color(colour)
        .with_size(4.0)
        .with_marker(MARKERS[series.colour % MARKERS.len()]);
    if kept.iter().any(|p| p.interval.is_some()) {
        cloud = cloud.with_y_err_asymmetric(kept.iter().map(|p| arms(p)));
    }
    if !series.name.is_empty() {
        cloud = cloud.with_legend(legend_name(&series.name));
    }
    (!kept.is_empty()).then_some(Plot::Scatter(cloud))
}

fn band(panel: &Panel, edges: &[(f64, f64, f64)], colour: &str) -> Option<Plot> {
    let (x, y) = (&panel.x, &panel.y);
    let kept: Vec<_> = edges.iter().filter(|e| x.holds(e.0) && y.holds(e.1) && y.holds(e.2)).collect();
    let band = BandPlot::new(kept.iter().map(|e| e.0), kept.iter().map(|e| e.1), kept.iter().map(|e| e.2));
    (kept.len() > 1).then(|| Plot::Band(band.with_color(colour).with_opacity(0.22)))
}

fn format(axis: &Axis) -> TickFormat {
    let axis = axis.clone();
    TickFormat::Custom(Arc::new(move |value| axis.word(value)))
}

fn theme(ground: Ground) -> Theme {
    let (page, ink, soft, grid) = match ground {
        Ground::Light => ("#ffffff", "#222222", "#555555", "#e2e2e2"),
        Ground::Dark => ("#16181d", "#e6e6e6", "#a8acb3", "#33373f"),
    };
    Theme {
        background: page.into(),
        axis_color: soft.into(),
        grid_color: grid.into(),
        tick_color: soft.into(),
        text_color: ink.into(),
        legend_bg: page.into(),
        legend_border: page.into(),
        font_family: Some("DejaVu Sans, Helvetica, Arial, sans-serif".into()),
        ..Theme::light()
    }
}
