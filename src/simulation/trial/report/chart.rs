//! A line chart as SVG text, readable on light and on dark pages.
//!
//! Separate because it knows no city. Colours come from a style sheet within the picture that follows the reader's scheme.
//! (`boda-loadtest` draws its own: the two programs share no code.)

use std::fmt::Write;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 54.0;
const BOTTOM: f64 = 44.0;
/// Chosen to be told apart by the colour-blind, and seen on white and on black.
const COLOURS: [&str; 4] = ["#d95926", "#3987e5", "#199e70", "#9085e9"];
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#333}.t{font-size:14px;font-weight:600}\
    .g{stroke:#8883;stroke-width:1}.l{fill:none;stroke-width:2}\
    @media(prefers-color-scheme:dark){text{fill:#ddd}}";

/// One line.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) name: String,
    /// From left to right.
    pub(super) points: Vec<(f64, f64)>,
    /// Points without a line between them.
    pub(super) is_dotted: bool,
}

/// A chart.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) x: &'static str,
    pub(super) y: &'static str,
    /// A value of y that is worth a line of its own: where nothing is gained and nothing lost.
    pub(super) mark: Option<f64>,
    pub(super) series: Vec<Series>,
}

impl Chart {
    /// The picture.
    pub(super) fn svg(&self) -> String {
        let values = |value: fn(&(f64, f64)) -> f64| {
            self.series.iter().flat_map(|series| &series.points).map(value).filter(|value| value.is_finite())
        };
        let x = span(values(|point| point.0));
        let y = span(values(|point| point.1).chain(self.mark));
        // An axis that begins at zero does not exaggerate; around a mark the distance to it is what counts.
        let y = if self.mark.is_some() { y } else { (y.0.min(0.0), y.1) };
        let across = |value: f64| LEFT + (value - x.0) / (x.1 - x.0) * (WIDTH - LEFT - RIGHT);
        let up = |value: f64| HEIGHT - BOTTOM - (value - y.0) / (y.1 - y.0) * (HEIGHT - TOP - BOTTOM);
        let title = escaped(&self.title);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\
             <title>{title}</title><style>{STYLE}</style><text class=\"t\" x=\"8\" y=\"18\">{title}</text>\n"
        );
        let right = WIDTH - RIGHT;
        for tick in ticks(y) {
            let (at, left) = (up(tick), LEFT - 6.0);
            put(&mut out, format_args!("<path class=\"g\" d=\"M{LEFT} {at:.1}H{right}\"/>"));
            let (low, name) = (at + 4.0, named(tick));
            put(&mut out, format_args!("<text x=\"{left}\" y=\"{low:.1}\" text-anchor=\"end\">{name}</text>\n"));
        }
        for tick in ticks(x) {
            let (at, low, name) = (across(tick), HEIGHT - BOTTOM + 18.0, named(tick));
            put(&mut out, format_args!("<text x=\"{at:.1}\" y=\"{low}\" text-anchor=\"middle\">{name}</text>\n"));
        }
        if let Some(mark) = self.mark {
            let at = up(mark);
            put(&mut out, format_args!("<path stroke=\"#888\" stroke-dasharray=\"4\" d=\"M{LEFT} {at:.1}H{right}\"/>"));
        }
        let (middle, low) = (LEFT + (WIDTH - LEFT - RIGHT) / 2.0, HEIGHT - 8.0);
        let (x_label, y_label) = (escaped(self.x), escaped(self.y));
        put(&mut out, format_args!("<text x=\"{middle}\" y=\"{low}\" text-anchor=\"middle\">{x_label}</text>"));
        put(&mut out, format_args!("<text x=\"8\" y=\"38\">{y_label}</text>\n"));
        let mut left = LEFT + 90.0;
        for (number, series) in self.series.iter().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            draw(&mut out, series, colour, |(px, py)| (across(px), up(py)));
            put(&mut out, format_args!("<circle cx=\"{left}\" cy=\"34\" r=\"4\" fill=\"{colour}\"/>"));
            let name = escaped(&series.name);
            put(&mut out, format_args!("<text x=\"{}\" y=\"38\">{name}</text>\n", left + 9.0));
            left += 24.0 + 7.0 * series.name.chars().count() as f64;
        }
        out.push_str("</svg>\n");
        out
    }
}

fn draw(out: &mut String, series: &Series, colour: &str, place: impl Fn((f64, f64)) -> (f64, f64)) {
    let known = series.points.iter().filter(|(x, y)| x.is_finite() && y.is_finite());
    let points: Vec<(f64, f64)> = known.map(|point| place(*point)).collect();
    if series.is_dotted {
        for (px, py) in points {
            put(out, format_args!("<circle cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"3.5\" fill=\"{colour}\"/>"));
        }
    } else {
        let line: Vec<String> = points.iter().map(|(px, py)| format!("{px:.1},{py:.1}")).collect();
        put(out, format_args!("<polyline class=\"l\" stroke=\"{colour}\" points=\"{}\"/>", line.join(" ")));
    }
}

/// The least and the greatest value, never equal.
fn span(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (from, to) = values.fold((f64::MAX, f64::MIN), |(from, to), value| (from.min(value), to.max(value)));
    if from > to {
        return (0.0, 1.0);
    }
    if to - from < 1e-9 { (from - 0.5, to + 0.5) } else { (from, to) }
}

/// Where lines of the grid go.
fn ticks((from, to): (f64, f64)) -> Vec<f64> {
    let rough = ((to - from) / 5.0).max(1e-9);
    let power = 10_f64.powf(rough.log10().floor());
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| rough <= digit * power * (1.0 + 1e-9)).unwrap_or(10.0);
    let step = digit * power;
    let first = (from / step).ceil() as i64;
    (first..).map(|number| number as f64 * step).take_while(|tick| *tick <= to + 1e-9).collect()
}

fn named(tick: f64) -> String {
    let text = if tick.abs() >= 10.0 { format!("{tick:.0}") } else { format!("{tick:.3}") };
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Appends; writing to a string does not fail.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_is_drawn_whole_whatever_its_points() {
        for points in [vec![], vec![(5.0, 5.0)], vec![(0.0, f64::NAN), (1.0, 2.0), (2.0, 8.0)]] {
            let series = vec![
                Series { name: "a < b".to_owned(), points: points.clone(), is_dotted: false },
                Series { name: "dots".to_owned(), points, is_dotted: true },
            ];
            let svg = Chart { title: "T & U".to_owned(), x: "n", y: "s", mark: Some(1.0), series }.svg();
            for part in ["T &amp; U", "a &lt; b", "prefers-color-scheme:dark", "<polyline", "</svg>"] {
                assert!(svg.contains(part), "{part} in {svg}");
            }
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn the_grid_lies_at_round_values() {
        for (from, to, names) in [
            (0.0, 10.0, vec!["0", "2", "4", "6", "8", "10"]),
            (0.0, 0.9, vec!["0", "0.2", "0.4", "0.6", "0.8"]),
            (-0.5, 0.5, vec!["-0.4", "-0.2", "0", "0.2", "0.4"]),
        ] {
            assert_eq!(ticks((from, to)).into_iter().map(named).collect::<Vec<_>>(), names);
        }
    }
}
