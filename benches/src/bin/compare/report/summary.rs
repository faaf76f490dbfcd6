//! What the samples come to: medians, how far the rounds spread, and ratios of servers.

use std::collections::BTreeMap;

use super::chart::Spread;
use crate::sample::{Run, Sample};

/// What can be said of a sample in one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    /// The case's own figure, as its unit says.
    Figure,
    /// The server's CPU time per unit.
    Cpu,
    /// The latency that half of the requests stay below, in milliseconds.
    P50,
    /// The latency that 90 of 100 requests stay below, in milliseconds.
    P90,
    /// The latency that 99 of 100 requests stay below, in milliseconds.
    P99,
    /// The longest latency, in milliseconds.
    Longest,
    /// The most memory that the server had during the sample, in bytes.
    PeakMemory,
    /// The server's memory after the sample, in bytes.
    Memory,
}

impl Metric {
    fn of(self, sample: &Sample) -> Option<f64> {
        let latency = sample.latency_ms.as_ref();
        let value = match self {
            Self::Figure => Some(sample.rate),
            Self::Cpu => Some(sample.cpu_per_unit),
            Self::P50 => latency.map(|latency| latency.p50),
            Self::P90 => latency.map(|latency| latency.p90),
            Self::P99 => latency.map(|latency| latency.p99),
            Self::Longest => latency.map(|latency| latency.max),
            Self::PeakMemory => Some(sample.peak_rss_bytes as f64),
            Self::Memory => Some(sample.rss_bytes as f64),
        };
        value.filter(|value| value.is_finite())
    }
}

/// The samples of a run by case and server.
#[derive(Debug)]
pub(crate) struct Summary<'a> {
    cases: Vec<&'a Sample>,
    /// By case, server and round.
    samples: BTreeMap<&'a str, BTreeMap<&'a str, BTreeMap<u32, &'a Sample>>>,
}

impl<'a> Summary<'a> {
    /// Sorts the samples of a run.
    pub(crate) fn new(run: &'a Run) -> Self {
        let mut summary = Self { cases: Vec::new(), samples: BTreeMap::new() };
        for sample in &run.samples {
            let servers = summary.samples.entry(&sample.case).or_insert_with(|| {
                summary.cases.push(sample);
                BTreeMap::new()
            });
            servers.entry(&sample.server).or_default().insert(sample.round, sample);
        }
        summary
    }

    /// Returns a sample of each case, in the order in which the cases were measured first.
    pub(crate) fn cases(&self) -> &[&'a Sample] {
        &self.cases
    }

    /// Returns the median and span of the rounds.
    pub(crate) fn spread(&self, case: &str, server: &str, metric: Metric) -> Option<Spread> {
        spread(self.rounds(case, server)?.values().filter_map(|sample| metric.of(sample)))
    }

    /// Returns the median and span of one case and server over another, round by round: what slowed both down in a round
    /// does not count.
    pub(crate) fn ratio(&self, of: (&str, &str), over: (&str, &str), metric: Metric) -> Option<Spread> {
        let (of, over) = (self.rounds(of.0, of.1)?, self.rounds(over.0, over.1)?);
        let pairs = of.iter().filter_map(|(round, sample)| Some((metric.of(sample)?, metric.of(over.get(round)?)?)));
        spread(pairs.filter(|(_, over)| *over > 0.0).map(|(of, over)| of / over))
    }

    /// Returns how many times as good `server` is as `peer` in a case: above 1, it is ahead, whether more or less of the
    /// metric is better.
    pub(crate) fn advantage(&self, case: &str, server: &str, peer: &str, metric: Metric) -> Option<Spread> {
        let first = self.cases.iter().find(|first| first.case == case)?;
        let more_is_better = metric == Metric::Figure && !first.unit.lower_is_better();
        let (of, over) = if more_is_better { (server, peer) } else { (peer, server) };
        self.ratio((case, of), (case, over), metric)
    }

    fn rounds(&self, case: &str, server: &str) -> Option<&BTreeMap<u32, &'a Sample>> {
        self.samples.get(case)?.get(server)
    }
}

/// Returns the median and span of some values, or `None` of no values.
fn spread(values: impl Iterator<Item = f64>) -> Option<Spread> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (min, max) = (*values.first()?, *values.last()?);
    let middle = values.len() / 2;
    let median = if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) };
    Some(Spread { median, min, max })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn medians_and_spans() {
        let of = |values: &[f64]| spread(values.iter().copied());
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[3.0]), Some(Spread { median: 3.0, min: 3.0, max: 3.0 }));
        assert_eq!(of(&[9.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 9.0 }));
        assert_eq!(of(&[4.0, 1.0, 2.0, 9.0]), Some(Spread { median: 3.0, min: 1.0, max: 9.0 }));
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        // The machine was ten times as slow in the second round; the ratio of medians would be 100 / 55.
        let run = fixture::run(&[
            fixture::sample("pull", "ours", 1, 100.0),
            fixture::sample("pull", "peer", 1, 50.0),
            fixture::sample("pull", "ours", 2, 10.0),
            fixture::sample("pull", "peer", 2, 5.0),
            fixture::sample("pull", "ours", 3, 100.0),
            fixture::sample("pull", "peer", 3, 60.0),
            fixture::sample("pull", "ours", 4, 100.0),
        ]);
        let summary = Summary::new(&run);
        let ratio = summary.ratio(("pull", "ours"), ("pull", "peer"), Metric::Figure).unwrap();
        assert_eq!((ratio.median, ratio.max), (2.0, 2.0));
        assert_eq!(summary.ratio(("pull", "ours"), ("pull", "absent"), Metric::Figure), None);
        assert_eq!(summary.spread("pull", "ours", Metric::Figure).unwrap().median, 100.0);
        assert_eq!(summary.spread("pull", "ours", Metric::P99), None, "no latency was taken");
    }

    #[test]
    fn an_advantage_is_above_one_whatever_is_better() {
        let timed = |server, value| Sample {
            unit: crate::sample::Unit::Milliseconds,
            ..fixture::sample("delete", server, 1, value)
        };
        let run = fixture::run(&[
            fixture::sample("pull", "ours", 1, 100.0),
            fixture::sample("pull", "peer", 1, 50.0),
            timed("ours", 1.0),
            timed("peer", 4.0),
        ]);
        let summary = Summary::new(&run);
        let advantage = |case, metric| summary.advantage(case, "ours", "peer", metric).unwrap().median;
        assert_eq!(advantage("pull", Metric::Figure), 2.0);
        assert_eq!(advantage("delete", Metric::Figure), 4.0);
        assert_eq!(advantage("pull", Metric::Cpu), 1.0);
    }
}
