//! A line chart as SVG text, readable on light and on dark pages.
//!
//! Pure. Colours come from a style sheet within the picture that follows the reader's scheme.

use std::fmt::Write;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 220.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 48.0;
/// Chosen to be told apart by the colour-blind, and seen on white and on black.
const COLOURS: [&str; 8] = ["#3987e5", "#d95926", "#199e70", "#c98500", "#9085e9", "#d55181", "#008300", "#7a8288"];
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#333}.t{font-size:14px;font-weight:600}\
    .g{stroke:#8883;stroke-width:1}.l{fill:none;stroke-width:2}\
    @media(prefers-color-scheme:dark){text{fill:#ddd}}";

/// How values lie along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    Linear,
    Log,
}

/// An axis.
#[derive(Clone, Debug)]
pub struct Axis {
    label: String,
    scale: Scale,
}

impl Axis {
    /// Evenly divided.
    pub fn linear(label: &str) -> Self {
        Self { label: label.to_owned(), scale: Scale::Linear }
    }

    /// Divided by powers of ten; values below a thousandth are drawn at a thousandth.
    pub fn log(label: &str) -> Self {
        Self { label: label.to_owned(), scale: Scale::Log }
    }

    fn of(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => value,
            Scale::Log => value.max(1e-3).log10(),
        }
    }

    /// Where lines of the grid go, on the axis's own scale, between the least and the greatest value.
    fn ticks(&self, from: f64, to: f64) -> Vec<f64> {
        if self.scale == Scale::Log {
            let (first, last) = (from.floor() as i32, to.ceil() as i32);
            let all =
                (first..=last).flat_map(|power| [1.0, 2.0, 5.0].map(|digit: f64| f64::from(power) + digit.log10()));
            return all.filter(|tick| (from - 1e-9..=to + 1e-9).contains(tick)).collect();
        }
        let step = nice((to - from).max(1e-9) / 5.0);
        let first = (from / step).ceil() as i64;
        (first..).map(|number| number as f64 * step).take_while(|tick| *tick <= to + 1e-9).collect()
    }

    fn name(&self, tick: f64) -> String {
        let value = if self.scale == Scale::Log { 10_f64.powf(tick) } else { tick };
        let text = if value.abs() >= 10.0 { format!("{value:.0}") } else { format!("{value:.3}") };
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        text.to_owned()
    }
}

/// One line.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Its points, from left to right.
    pub points: Vec<(f64, f64)>,
}

/// A chart.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Above it.
    pub title: String,
    /// Across.
    pub x: Axis,
    /// Up.
    pub y: Axis,
    /// Its lines.
    pub series: Vec<Series>,
}

impl Chart {
    /// The picture.
    pub fn svg(&self) -> String {
        let x = self.span(&self.x, |point| point.0);
        // An axis that begins at zero does not exaggerate.
        let y = self.span(&self.y, |point| point.1);
        let y = if self.y.scale == Scale::Linear { (y.0.min(0.0), y.1) } else { y };
        let across = |value: f64| LEFT + (value - x.0) / (x.1 - x.0) * (WIDTH - LEFT - RIGHT);
        let up = |value: f64| HEIGHT - BOTTOM - (value - y.0) / (y.1 - y.0) * (HEIGHT - TOP - BOTTOM);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\
             <title>{title}</title><style>{STYLE}</style><text class=\"t\" x=\"{LEFT}\" y=\"22\">{title}</text>\n",
            title = escaped(&self.title)
        );
        for tick in self.y.ticks(y.0, y.1) {
            let (at, right) = (up(tick), WIDTH - RIGHT);
            put(&mut out, format_args!("<path class=\"g\" d=\"M{LEFT} {at:.1}H{right}\"/>"));
            let (left, name) = (LEFT - 6.0, self.y.name(tick));
            put(&mut out, format_args!("<text x=\"{left}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>\n", at + 4.0));
        }
        for tick in self.x.ticks(x.0, x.1) {
            let (at, name) = (across(tick), self.x.name(tick));
            let low = HEIGHT - BOTTOM + 18.0;
            put(&mut out, format_args!("<text x=\"{at:.1}\" y=\"{low}\" text-anchor=\"middle\">{name}</text>\n"));
        }
        let (middle, low) = (LEFT + (WIDTH - LEFT - RIGHT) / 2.0, HEIGHT - 10.0);
        let (x_label, y_label) = (escaped(&self.x.label), escaped(&self.y.label));
        put(&mut out, format_args!("<text x=\"{middle}\" y=\"{low}\" text-anchor=\"middle\">{x_label}</text>"));
        put(&mut out, format_args!("<text x=\"8\" y=\"{}\">{y_label}</text>\n", TOP - 4.0));
        for (number, series) in self.series.iter().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            let points: Vec<_> =
                series.points.iter().map(|(px, py)| (across(self.x.of(*px)), up(self.y.of(*py)))).collect();
            let line: Vec<_> = points.iter().map(|(px, py)| format!("{px:.1},{py:.1}")).collect();
            put(&mut out, format_args!("<polyline class=\"l\" stroke=\"{colour}\" points=\"{}\"/>", line.join(" ")));
            for (px, py) in &points {
                put(&mut out, format_args!("<circle cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"3\" fill=\"{colour}\"/>"));
            }
            let (left, at) = (WIDTH - RIGHT + 14.0, TOP + 18.0 * number as f64);
            put(&mut out, format_args!("<circle cx=\"{left}\" cy=\"{at}\" r=\"4\" fill=\"{colour}\"/>"));
            let name = escaped(&series.name);
            put(&mut out, format_args!("<text x=\"{}\" y=\"{}\">{name}</text>\n", left + 10.0, at + 4.0));
        }
        out.push_str("</svg>\n");
        out
    }

    /// The least and the greatest value on an axis's own scale, never equal.
    fn span(&self, axis: &Axis, value: fn(&(f64, f64)) -> f64) -> (f64, f64) {
        let values = self.series.iter().flat_map(|series| &series.points).map(|point| axis.of(value(point)));
        let (from, to) = values.fold((f64::MAX, f64::MIN), |(from, to), value| (from.min(value), to.max(value)));
        if from > to {
            return (0.0, 1.0);
        }
        if to - from < 1e-9 { (from - 0.5, to + 0.5) } else { (from, to) }
    }
}

/// Appends; writing to a string does not fail.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

/// The next of 1, 2, 5, 10, ... that is not less.
fn nice(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| step <= digit * power * (1.0 + 1e-9)).unwrap_or(10.0);
    digit * power
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_is_divided_at_round_values() {
        for (scale, from, to, names) in [
            (Axis::linear("x"), 0.0, 10.0, vec!["0", "2", "4", "6", "8", "10"]),
            (Axis::linear("x"), 0.0, 0.9, vec!["0", "0.2", "0.4", "0.6", "0.8"]),
            (Axis::log("x"), 0.0, 1.0, vec!["1", "2", "5", "10"]),
            (Axis::log("x"), -1.0, 0.5, vec!["0.1", "0.2", "0.5", "1", "2"]),
        ] {
            let ticks: Vec<_> = scale.ticks(from, to).into_iter().map(|tick| scale.name(tick)).collect();
            assert_eq!(ticks, names, "{scale:?}");
        }
    }

    #[test]
    fn a_chart_is_drawn_whole_and_follows_the_readers_scheme() {
        let series = vec![
            Series { name: "a < b".to_owned(), points: vec![(1.0, 2.0), (3.0, 4.0)] },
            Series { name: "one".to_owned(), points: vec![(2.0, 0.0)] },
        ];
        let chart = Chart { title: "T & U".to_owned(), x: Axis::linear("n"), y: Axis::linear("us"), series };
        let svg = chart.svg();
        for part in ["T &amp; U", "a &lt; b", "prefers-color-scheme:dark", "points=\"64.0,196.0 540.0,40.0\"", "</svg>"]
        {
            assert!(svg.contains(part), "{part} in {svg}");
        }
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn a_single_point_and_no_point_are_drawn() {
        for points in [vec![], vec![(5.0, 5.0)]] {
            let series = vec![Series { name: String::new(), points }];
            let chart = Chart { title: String::new(), x: Axis::log("n"), y: Axis::log("us"), series };
            assert!(!chart.svg().contains("NaN"));
        }
    }
}
