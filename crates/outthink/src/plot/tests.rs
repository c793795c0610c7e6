use super::axis::plain;
use super::*;
use proptest::prelude::*;

fn panel(series: Vec<Series>) -> Panel {
    Panel { title: "t".into(), x: Axis::log("tokens"), y: Axis::share("accuracy"), series }
}

fn point(x: f64, y: f64) -> Point {
    Point { x, y, interval: Some((y - 0.1, y + 0.1)) }
}

#[test]
fn numbers_at_ticks_are_short() {
    let pairs = [
        (0.0, "0"),
        (0.05, "0.05"),
        (1000.0, "1000"),
        (20_000.0, "20k"),
        (1.5e6, "1.5M"),
        (7e9, "7B"),
        (1e18, "10¹⁸"),
        (2e24, "2×10²⁴"),
        (1e-4, "10⁻⁴"),
    ];
    for (value, word) in pairs {
        assert_eq!(plain(value), word);
    }
    assert_eq!(Axis::share("").word(0.4), "40 %");
    assert_eq!(Axis::share("").word(0.125), "12.5 %");
}

#[test]
fn a_logarithmic_axis_shows_two_ticks_at_the_least() {
    let (low, high) = Axis::log("").span([3.0, 3.1].into_iter());
    assert!(low <= 2.0 && high >= 5.0, "{low} {high}");
    assert_eq!(Axis::log("").span(std::iter::empty()), (1.0, 10.0));
}

#[test]
fn a_share_stays_within_0_and_1() {
    assert_eq!(Axis::share("").span([0.01, 0.99].into_iter()), (0.0, 1.0));
}

#[test]
fn names_are_escaped_and_both_formats_are_written() {
    let series = Series::points("<script>alert(1)</script>", 0, vec![point(10.0, 0.5), point(100.0, 0.7)]);
    let figure = Figure::of(panel(vec![series, Series::dashed("law", 1, vec![(10.0, 0.4), (100.0, 0.8)])]));
    let svg = figure.svg(Ground::Light);
    assert!(svg.contains("&lt;script&gt;") && !svg.contains("<script>"), "{svg}");
    assert!(svg.contains("#0072B2") || svg.contains("#0072b2"), "{svg}");
    let folder = tempfile::tempdir().unwrap();
    let png = folder.path().join("f.png");
    figure.write(&png).unwrap();
    assert_eq!(&std::fs::read(png).unwrap()[..4], b"\x89PNG");
    let error = figure.write(&folder.path().join("f.jpg")).unwrap_err();
    assert_eq!(error.code, 2);
}

#[test]
fn dashes_leave_gaps_however_dense_the_points() {
    let dense: Vec<(f64, f64)> = (0..500).map(|i| (10f64.powf(1.0 + f64::from(i) / 250.0), 0.5)).collect();
    let solid = Figure::of(panel(vec![Series::line("a", 0, dense.clone())])).svg(Ground::Light);
    let broken = Figure::of(panel(vec![Series::dashed("a", 0, dense)])).svg(Ground::Light);
    let paths = |svg: &str| svg.matches("<path").count();
    assert!(paths(&broken) > paths(&solid) + 10, "{} {}", paths(&broken), paths(&solid));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_numbers_are_drawn(values in proptest::collection::vec((any::<f64>(), any::<f64>(), any::<f64>()), 0..6)) {
        let points = values.iter().map(|v| Point { x: v.0, y: v.1, interval: Some((v.2, v.0)) }).collect();
        let series = vec![
            Series::band(0, values.clone()),
            Series::points("p", 1, points),
            Series::dashed("d", 2, values.iter().map(|v| (v.0, v.1)).collect()),
        ];
        for (x, y) in [(Axis::log("x"), Axis::linear("y")), (Axis::linear("x"), Axis::log("y"))] {
            let figure = Figure { title: "f".into(), panels: vec![Panel { title: String::new(), x, y, series: series.clone() }] };
            prop_assert!(figure.svg(Ground::Dark).ends_with("</svg>"));
        }
    }
}
