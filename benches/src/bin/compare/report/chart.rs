//! Charts: bars for rows that share a unit, curves over a few steps of something.

use super::figure::figure;
use super::svg::{Anchor, CHARACTER_WIDTH, Svg};

const WIDTH: f64 = 720.0;
const TOP: f64 = 34.0;
const MARGIN: f64 = 12.0;
/// How high a bar or a line of text is, with its distance to the next.
const LINE: f64 = 17.0;
/// How high the area is in which curves are drawn.
const CURVES: f64 = 220.0;
/// How much room the figure at a bar's end has.
const FIGURE: f64 = 70.0;

/// A value, and between what the rounds had it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    /// The median of the rounds.
    pub(crate) median: f64,
    /// The least.
    pub(crate) min: f64,
    /// The greatest.
    pub(crate) max: f64,
}

/// What one series has at one place of the chart: nothing, where it was not measured.
pub(crate) type Cell = Option<Spread>;

/// Rows or steps, and what every series has at each.
#[derive(Debug)]
pub(crate) struct Chart<'a> {
    /// What is shown, with its unit.
    pub(crate) title: String,
    /// The series' names. A name's place decides its colour.
    pub(crate) series: &'a [String],
    /// What is at a place, and the series' values there in the order of `series`.
    pub(crate) rows: Vec<(String, Vec<Cell>)>,
}

impl Chart<'_> {
    /// Draws a bar for each value, from zero, with the span of the rounds.
    pub(crate) fn bars(&self) -> String {
        let label = self.series.iter().map(|name| width(name)).fold(0.0, f64::max);
        let (left, right) = (MARGIN + label + 8.0, WIDTH - FIGURE);
        let scale = (right - left) / self.greatest();
        let lines: usize = self.rows.iter().map(|(_, cells)| 1 + cells.iter().flatten().count()).sum();
        let mut svg = Svg::new(WIDTH, TOP + LINE * (lines as f64) + 6.0 * self.rows.len() as f64 + MARGIN);
        svg.title(&self.title);

        let mut y = TOP;
        for (name, cells) in &self.rows {
            svg.text(MARGIN, y + 12.0, Anchor::Start, name);
            y += LINE;
            for (series, spread) in cells.iter().enumerate().filter_map(|(series, cell)| Some((series, (*cell)?))) {
                let end = left + spread.median * scale;
                svg.text(left - 6.0, y + 11.0, Anchor::End, &self.series[series]);
                svg.bar(series, left, y + 1.0, end - left, LINE - 3.0);
                let middle = y + LINE / 2.0;
                svg.whisker((left + spread.min * scale, middle), (left + spread.max * scale, middle));
                svg.text(end.max(left + spread.max * scale) + 6.0, y + 11.0, Anchor::Start, &figure(spread.median));
                y += LINE;
            }
            y += 6.0;
        }
        svg.finish()
    }

    /// Draws a curve for each series over the rows as steps from left to right.
    pub(crate) fn curves(&self, scale: Scale) -> String {
        let ticks = scale.ticks(self.least(), self.greatest());
        let left = MARGIN + ticks.iter().map(|tick| width(&figure(*tick))).fold(0.0, f64::max) + 6.0;
        let (right, bottom) = (WIDTH - MARGIN - 20.0, TOP + CURVES);
        let (low, high) = (scale.place(ticks[0]), scale.place(ticks[ticks.len() - 1]));
        let y = |value: f64| bottom - (scale.place(value).clamp(low, high) - low) / (high - low) * CURVES;
        let step = (right - left - 40.0) / (self.rows.len().max(2) - 1) as f64;
        let x = |row: usize| left + 20.0 + step * row as f64;

        let mut svg = Svg::new(WIDTH, bottom + 3.0 * LINE);
        svg.title(&self.title);
        for tick in &ticks {
            svg.rule((left, y(*tick)), (right, y(*tick)));
            svg.text(left - 6.0, y(*tick) + 4.0, Anchor::End, &figure(*tick));
        }
        for (row, (name, _)) in self.rows.iter().enumerate() {
            svg.text(x(row), bottom + LINE, Anchor::Middle, name);
        }
        let mut legend = left;
        for (series, name) in self.series.iter().enumerate() {
            let spreads = self.rows.iter().enumerate().filter_map(|(row, (_, cells))| Some((row, cells[series]?)));
            let points: Vec<_> = spreads.collect();
            if points.is_empty() {
                continue;
            }
            for (row, spread) in &points {
                svg.whisker((x(*row), y(spread.min)), (x(*row), y(spread.max)));
            }
            svg.curve(series, &points.iter().map(|(row, spread)| (x(*row), y(spread.median))).collect::<Vec<_>>());
            svg.bar(series, legend, bottom + 2.0 * LINE - 3.0, 10.0, 10.0);
            svg.text(legend + 14.0, bottom + 2.0 * LINE + 6.0, Anchor::Start, name);
            legend += 14.0 + width(name) + 14.0;
        }
        svg.finish()
    }

    fn spreads(&self) -> impl Iterator<Item = Spread> {
        self.rows.iter().flat_map(|(_, cells)| cells.iter().flatten().copied())
    }

    /// Returns the greatest value, or 1 if there is none above zero.
    fn greatest(&self) -> f64 {
        let greatest = self.spreads().map(|spread| spread.max).fold(0.0, f64::max);
        if greatest > 0.0 { greatest } else { 1.0 }
    }

    fn least(&self) -> f64 {
        self.spreads().map(|spread| spread.min).fold(f64::INFINITY, f64::min)
    }
}

/// How values are placed on an axis.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scale {
    /// From zero, evenly.
    Linear,
    /// By powers of ten: for what differs a hundredfold.
    Logarithmic,
}

impl Scale {
    /// Returns at least two round values that span those from `least` to `greatest`, which is above zero. A logarithmic
    /// scale ends six powers of ten below the greatest.
    fn ticks(self, least: f64, greatest: f64) -> Vec<f64> {
        match self {
            Self::Linear => {
                let power = 10_f64.powf((greatest / 5.0).log10().floor());
                let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
                let step = step.into_iter().find(|step| step * 5.0 >= greatest).unwrap_or(10.0 * power);
                let count = (greatest / step).ceil() as u32;
                (0..=count).map(|tick| f64::from(tick) * step).collect()
            }
            Self::Logarithmic => {
                let first = least.clamp(greatest / 1e6, greatest).log10().floor() as i32;
                let last = (greatest.log10().ceil() as i32).max(first + 1);
                (first..=last).map(|power| 10_f64.powi(power)).collect()
            }
        }
    }

    fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Logarithmic => value.max(f64::MIN_POSITIVE).log10(),
        }
    }
}

fn width(text: &str) -> f64 {
    text.chars().count() as f64 * CHARACTER_WIDTH
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(median: f64) -> Cell {
        Some(Spread { median, min: median * 0.9, max: median * 1.1 })
    }

    fn elements(svg: &str, name: &str) -> usize {
        let document = roxmltree::Document::parse(svg).expect("the drawing is XML");
        document.descendants().filter(|node| node.tag_name().name() == name).count()
    }

    #[test]
    fn a_series_without_a_value_has_no_bar_and_no_dot() {
        let series = ["a".to_owned(), "b".to_owned()];
        let rows = vec![("one".to_owned(), vec![cell(1.0), None]), ("two".to_owned(), vec![cell(2.0), cell(4.0)])];
        let chart = Chart { title: "t".to_owned(), series: &series, rows };
        assert_eq!(elements(&chart.bars(), "rect"), 3);
        for scale in [Scale::Linear, Scale::Logarithmic] {
            let curves = chart.curves(scale);
            assert_eq!((elements(&curves, "circle"), elements(&curves, "polyline")), (3, 2));
            assert!(!curves.contains("NaN") && !curves.contains("inf"), "{curves}");
        }
    }

    #[test]
    fn zeros_can_be_drawn() {
        let series = ["a".to_owned()];
        let chart = Chart { title: "t".to_owned(), series: &series, rows: vec![("one".to_owned(), vec![cell(0.0)])] };
        for drawing in [chart.bars(), chart.curves(Scale::Linear), chart.curves(Scale::Logarithmic)] {
            assert!(!drawing.contains("NaN") && !drawing.contains("inf"), "{drawing}");
        }
    }

    #[test]
    fn ticks_are_round_and_span_the_values() {
        assert_eq!(Scale::Linear.ticks(3.0, 42.0), [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]);
        assert_eq!(Scale::Linear.ticks(0.0, 0.9), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(Scale::Logarithmic.ticks(0.3, 42.0), [0.1, 1.0, 10.0, 100.0]);
        assert_eq!(Scale::Logarithmic.ticks(10.0, 10.0), [10.0, 100.0]);
    }
}
