//! Drawings: the few shapes that charts are made of, readable on a light and on a dark page.

use std::fmt::Write as _;

/// The colours of the series on a light and on a dark page: a palette that colour-blind people can tell apart.
const COLOURS: [(&str, &str); 7] = [
    ("#0969da", "#58a6ff"),
    ("#bc4c00", "#f0883e"),
    ("#8250df", "#bc8cff"),
    ("#1a7f37", "#3fb950"),
    ("#9a6700", "#d29922"),
    ("#bf3989", "#f778ba"),
    ("#57606a", "#8b949e"),
];

/// How many pixels a character of a label takes, at most on average.
pub(crate) const CHARACTER_WIDTH: f64 = 6.5;

/// Which end of a text is at the given place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing that grows shape by shape. Its background is left to the page.
#[derive(Debug)]
pub(crate) struct Svg {
    width: f64,
    height: f64,
    shapes: String,
}

impl Svg {
    /// Begins a drawing of this many pixels.
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self { width, height, shapes: String::new() }
    }

    /// Draws a text whose base line is at `y`.
    pub(crate) fn text(&mut self, x: f64, y: f64, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => r#" text-anchor="middle""#,
            Anchor::End => r#" text-anchor="end""#,
        };
        self.shape(format_args!(r#"<text x="{x:.1}" y="{y:.1}"{anchor}>{}</text>"#, escape(text)));
    }

    /// Draws a title at the top left corner.
    pub(crate) fn title(&mut self, text: &str) {
        self.shape(format_args!(r#"<text class="title" x="8" y="20">{}</text>"#, escape(text)));
    }

    /// Draws a thin line of a scale.
    pub(crate) fn rule(&mut self, from: (f64, f64), to: (f64, f64)) {
        self.line("rule", from, to);
    }

    /// Draws the span between the least and the greatest value.
    pub(crate) fn whisker(&mut self, from: (f64, f64), to: (f64, f64)) {
        self.line("whisker", from, to);
    }

    /// Fills a rectangle with a series' colour.
    pub(crate) fn bar(&mut self, series: usize, x: f64, y: f64, width: f64, height: f64) {
        let class = series % COLOURS.len();
        self.shape(format_args!(
            r#"<rect class="f{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/>"#
        ));
    }

    /// Draws a line through points in a series' colour, with a dot at each.
    pub(crate) fn curve(&mut self, series: usize, points: &[(f64, f64)]) {
        let class = series % COLOURS.len();
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.shape(format_args!(r#"<polyline class="s{class}" points="{}"/>"#, path.join(" ")));
        for (x, y) in points {
            self.shape(format_args!(r#"<circle class="f{class}" cx="{x:.1}" cy="{y:.1}" r="3"/>"#));
        }
    }

    /// Returns the drawing as a document of its own.
    pub(crate) fn finish(self) -> String {
        let Self { width, height, shapes } = self;
        let (mut light, mut dark) = (String::new(), String::new());
        for (class, colours) in COLOURS.iter().enumerate() {
            for (style, colour) in [(&mut light, colours.0), (&mut dark, colours.1)] {
                _ = write!(style, ".f{class}{{fill:{colour}}}.s{class}{{stroke:{colour}}}");
            }
        }
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {height:.0}" width="{width:.0}" height="{height:.0}" role="img">
<style>
text{{font:12px system-ui,sans-serif;fill:#1f2328}}.title{{font-size:14px;font-weight:600}}polyline{{fill:none;stroke-width:1.5}}
.rule{{stroke:#d1d9e0}}.whisker{{stroke:#1f2328;opacity:.6}}{light}
@media(prefers-color-scheme:dark){{text{{fill:#e6edf3}}.rule{{stroke:#3d444d}}.whisker{{stroke:#e6edf3}}{dark}}}
</style>
{shapes}</svg>
"#
        )
    }

    fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.shape(format_args!(r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#));
    }

    fn shape(&mut self, shape: std::fmt::Arguments<'_>) {
        writeln!(self.shapes, "{shape}").expect("a string takes every text");
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_is_well_formed_whatever_its_texts() {
        let mut svg = Svg::new(100.0, 50.0);
        svg.title("a < b & \"c\"");
        svg.text(1.0, 2.0, Anchor::End, "</text>");
        svg.rule((0.0, 0.0), (1.0, 1.0));
        svg.whisker((0.0, 0.0), (1.0, 1.0));
        svg.bar(COLOURS.len(), 0.0, 0.0, 1.0, 1.0);
        svg.curve(1, &[(0.0, 0.0), (2.0, 2.0)]);
        let text = svg.finish();

        let document = roxmltree::Document::parse(&text).expect("the drawing is XML");
        let texts: Vec<_> =
            document.descendants().filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "text"))).collect();
        assert_eq!(texts.iter().filter_map(|node| node.text()).collect::<Vec<_>>(), ["a < b & \"c\"", "</text>"]);
        assert_eq!(document.descendants().filter(|node| node.attribute("class") == Some("f0")).count(), 1);
    }
}
