//! Which charts are drawn of a run.

use super::chart::{Cell, Chart, Scale};
use super::summary::{Metric, Summary};
use crate::sample::{Run, Sample};

/// A chart and its place.
#[derive(Debug)]
pub(crate) struct Plot {
    /// What it shows.
    pub(crate) title: String,
    /// The name of its file.
    pub(crate) file: String,
    /// The drawing.
    pub(crate) svg: String,
}

/// Draws bars for each group of cases, curves over connections where a case was measured with several numbers of
/// them, and curves over percentiles where single requests were timed.
pub(crate) fn draw(run: &Run, summary: &Summary<'_>) -> Vec<Plot> {
    let servers: Vec<String> = run.servers.iter().map(|server| server.name.clone()).collect();
    let artist = Artist { servers: &servers, summary };
    let cases = summary.cases();
    let mut plots = Vec::new();
    for group in groups(cases, |case| (first_word(&case.case).to_owned(), case.unit)) {
        plots.push(artist.bars(&group));
    }
    for family in groups(cases, |case| (family(&case.case), case.unit)) {
        if family.len() > 1 {
            plots.push(artist.over_connections(&family));
        }
    }
    plots.extend(cases.iter().filter_map(|case| artist.percentiles(case)));
    plots
}

/// Returns the cases that have the same key, in their order.
fn groups<'a, K: PartialEq>(cases: &[&'a Sample], key: impl Fn(&Sample) -> K) -> Vec<Vec<&'a Sample>> {
    let mut groups: Vec<Vec<&Sample>> = Vec::new();
    for case in cases {
        match groups.iter_mut().find(|group| key(group[0]) == key(case)) {
            Some(group) => group.push(case),
            None => groups.push(vec![case]),
        }
    }
    groups
}

/// Returns what a case's name begins with: the name of its group.
fn first_word(case: &str) -> &str {
    case.split(' ').next().unwrap_or(case)
}

/// Returns a case's name without its number of connections, `×<n>`.
fn family(case: &str) -> String {
    let is_number = |word: &str| word.strip_prefix('×').is_some_and(|digits| digits.parse::<u32>().is_ok());
    case.split(' ').filter(|word| !is_number(word)).collect::<Vec<_>>().join(" ")
}

struct Artist<'a> {
    servers: &'a [String],
    summary: &'a Summary<'a>,
}

impl<'a> Artist<'a> {
    fn bars(&self, cases: &[&Sample]) -> Plot {
        let (name, unit) = (first_word(&cases[0].case), cases[0].unit);
        let rows = cases.iter().map(|case| (case.case.clone(), self.cells(case, Metric::Figure))).collect();
        let chart = self.chart(format!("{name}, {}", unit.rate_label()), rows);
        plot(&format!("bars {name} {}", unit.rate_label()), &chart, chart.bars())
    }

    fn over_connections(&self, cases: &[&Sample]) -> Plot {
        let (name, unit) = (family(&cases[0].case), cases[0].unit);
        let mut cases = cases.to_vec();
        cases.sort_by_key(|case| case.connections);
        let rows = cases
            .iter()
            .map(|case| (format!("{} connections", case.connections), self.cells(case, Metric::Figure)))
            .collect();
        let chart = self.chart(format!("{name}, {} over connections", unit.rate_label()), rows);
        plot(&format!("connections {name}"), &chart, chart.curves(Scale::Linear))
    }

    /// Returns nothing if no latency was taken.
    fn percentiles(&self, case: &Sample) -> Option<Plot> {
        let steps = [("p50", Metric::P50), ("p90", Metric::P90), ("p99", Metric::P99), ("longest", Metric::Longest)];
        let rows: Vec<_> = steps.map(|(name, metric)| (name.to_owned(), self.cells(case, metric))).into();
        if rows.iter().all(|(_, cells)| cells.iter().all(Option::is_none)) {
            return None;
        }
        let chart = self.chart(format!("{}, latency in ms", case.case), rows);
        Some(plot(&format!("latency {}", case.case), &chart, chart.curves(Scale::Logarithmic)))
    }

    fn chart(&self, title: String, rows: Vec<(String, Vec<Cell>)>) -> Chart<'a> {
        Chart { title, series: self.servers, rows }
    }

    fn cells(&self, case: &Sample, metric: Metric) -> Vec<Cell> {
        self.servers.iter().map(|server| self.summary.spread(&case.case, server, metric)).collect()
    }
}

fn plot(name: &str, chart: &Chart<'_>, svg: String) -> Plot {
    Plot { title: chart.title.clone(), file: file_name(name), svg }
}

/// Makes a file's name of a text: words of lower-case letters and digits, joined by `-`.
fn file_name(text: &str) -> String {
    let text = text.to_lowercase().replace(',', "");
    let words: Vec<_> = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join("-") + ".svg"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::sample::Unit;

    #[test]
    fn cases_are_grouped_by_what_they_do_and_their_unit() {
        let mut start = fixture::sample("pull start", "ours", 1, 1.0);
        start.unit = Unit::Milliseconds;
        let run = fixture::run(&[
            fixture::sample("pull 1 MiB ×1", "ours", 1, 1.0),
            fixture::sample("push 1 MiB ×1", "ours", 1, 1.0),
            fixture::sample("pull 1 MiB ×8", "ours", 1, 1.0),
            fixture::sample("pull 1 MiB TLS ×8", "ours", 1, 1.0),
            start,
        ]);
        let plots = draw(&run, &Summary::new(&run));
        let files: Vec<_> = plots.iter().map(|plot| plot.file.as_str()).collect();
        assert_eq!(
            files,
            ["bars-pull-mib-s.svg", "bars-push-mib-s.svg", "bars-pull-ms.svg", "connections-pull-1-mib.svg"]
        );
    }

    #[test]
    fn names_become_names_of_files() {
        assert_eq!(file_name("latency tags page at 100,000 tags ×1"), "latency-tags-page-at-100000-tags-1.svg");
    }
}
