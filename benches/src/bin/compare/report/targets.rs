//! The figures to reach, and whether a run reaches them.

use super::figure::{figure, ratio};
use super::summary::{Metric, Summary};

/// The registry that is measured against the others.
pub(crate) const OURS: &str = "ours";
const DISTRIBUTION: &str = "distribution";
const OLAREG: &str = "olareg";
const NGINX: &str = "nginx";
const NGINX_RETURN: &str = "nginx-return";

/// A target of a run.
#[derive(Debug)]
pub(crate) struct Target {
    /// The cases it is about.
    cases: &'static [&'static str],
    goal: Goal,
}

/// What has to be so in each case of a target.
#[derive(Debug, Clone, Copy)]
enum Goal {
    /// Our figure is more than that of every other server that stores what it is sent.
    AheadOfRegistries,
    /// We are at least this many times as good as the peer.
    Advantage { peer: &'static str, metric: Metric, at_least: f64 },
    /// As the former with both the figure and the CPU time, in at least so many of the cases.
    Level { peer: &'static str, at_least: f64, in_cases: usize },
    /// Our median is no more than this, in the metric's unit.
    AtMost { metric: Metric, bound: f64, unit: &'static str },
    /// Our figure is within this part of our figure in another case.
    Within { of: &'static str, part: f64 },
}

const PULL: &[&str] = &["pull 256 MiB ×1", "pull 256 MiB ×4", "pull 1 MiB ×8"];
const PULL_LARGE: &[&str] = PULL.split_at(2).0;
const PULL_SMALL: &[&str] = PULL.split_at(2).1;
const PUSH: &[&str] = &["push 256 MiB ×1", "push 256 MiB ×3", "push 1 MiB ×4"];
const PUSH_LARGE: &[&str] = PUSH.split_at(2).0;
const PUSH_LARGE_ONE: &[&str] = PUSH.split_at(1).0;
const PUSH_LARGE_MANY: &[&str] = PUSH_LARGE.split_at(1).1;
const PUSH_SMALL: &[&str] = PUSH.split_at(2).1;
const MANIFEST: &[&str] = &["manifest GET by tag ×32"];

const fn ahead(cases: &'static [&'static str], peer: &'static str, metric: Metric, at_least: f64) -> Target {
    Target { cases, goal: Goal::Advantage { peer, metric, at_least } }
}

const fn at_most(cases: &'static [&'static str], metric: Metric, bound: f64, unit: &'static str) -> Target {
    Target { cases, goal: Goal::AtMost { metric, bound, unit } }
}

/// Every target.
pub(crate) const TARGETS: &[Target] = &[
    Target { cases: PULL, goal: Goal::AheadOfRegistries },
    ahead(PULL_LARGE, DISTRIBUTION, Metric::Figure, 1.5),
    ahead(PULL_SMALL, DISTRIBUTION, Metric::Figure, 6.0),
    Target { cases: PULL, goal: Goal::Level { peer: NGINX, at_least: 0.95, in_cases: 2 } },
    ahead(PUSH_LARGE_ONE, DISTRIBUTION, Metric::Figure, 1.6),
    ahead(PUSH_LARGE_MANY, DISTRIBUTION, Metric::Figure, 1.5),
    ahead(PUSH_SMALL, DISTRIBUTION, Metric::Figure, 3.0),
    ahead(PUSH_LARGE, OLAREG, Metric::Figure, 1.0),
    ahead(PUSH, OLAREG, Metric::Cpu, 1.0),
    at_most(PUSH, Metric::Cpu, 1.4, "CPU s/GiB"),
    ahead(MANIFEST, DISTRIBUTION, Metric::Figure, 15.0),
    ahead(MANIFEST, OLAREG, Metric::Figure, 3.0),
    at_most(MANIFEST, Metric::Cpu, 10.0, "CPU µs/request"),
    ahead(&["push small images ×1"], DISTRIBUTION, Metric::Figure, 4.0),
    ahead(&["push small images ×4"], DISTRIBUTION, Metric::Figure, 6.0),
    at_most(&["tags page at 100,000 tags, p99"], Metric::Figure, 5.0, "ms"),
    at_most(&["delete by digest at 100,000 tags, p50"], Metric::Figure, 5.0, "ms"),
    Target {
        cases: &["manifest PUT at 100,000 tags, p50"],
        goal: Goal::Within { of: "manifest PUT at 10 tags, p50", part: 0.2 },
    },
    at_most(&["cold start"], Metric::Figure, 50.0, "ms"),
    at_most(&["idle memory"], Metric::Figure, 20.0, "MiB"),
    at_most(&["100 uploads and 100 pulls at once"], Metric::Figure, 128.0, "MiB"),
];

/// What a run says about a target.
#[derive(Debug, PartialEq)]
pub(crate) struct Verdict {
    /// The cases, and what has to be so in them.
    pub(crate) target: String,
    /// What was measured, case by case.
    pub(crate) measured: String,
    /// Whether the target is met. `None` if the run lacks what it is judged by.
    pub(crate) met: Option<bool>,
}

impl Target {
    /// Judges a run by this target.
    pub(crate) fn judge(&self, summary: &Summary<'_>, servers: &[String]) -> Verdict {
        let found: Vec<_> = self.cases.iter().map(|case| self.goal.measure(case, summary, servers)).collect();
        let needed = match self.goal {
            Goal::Level { in_cases, .. } => in_cases,
            _ => self.cases.len(),
        };
        let count = |met| found.iter().filter(|found| found.met == Some(met)).count();
        let met = if count(true) >= needed {
            Some(true)
        } else {
            // What is missing could still have made up for what is not met, or not.
            (count(true) + count(false) == found.len()).then_some(false)
        };
        let measured: Vec<_> = found.into_iter().map(|found| found.text).collect();
        Verdict {
            target: format!("{}: {}", self.cases.join("; "), self.goal.text()),
            measured: measured.join("; "),
            met,
        }
    }
}

/// What was measured in one case.
struct Finding {
    text: String,
    met: Option<bool>,
}

impl Finding {
    fn of(value: Option<f64>, show: impl Fn(f64) -> String, meets: impl Fn(f64) -> bool) -> Self {
        match value {
            Some(value) => Self { text: show(value), met: Some(meets(value)) },
            None => Self { text: "not measured".to_owned(), met: None },
        }
    }
}

impl Goal {
    fn text(self) -> String {
        match self {
            Self::AheadOfRegistries => "ahead of every registry".to_owned(),
            Self::Advantage { peer, metric, at_least } => {
                let what = if metric == Metric::Cpu { "CPU time" } else { "rate" };
                format!("{} or better than {peer} in {what}", ratio(at_least))
            }
            Self::Level { peer, at_least, in_cases } => {
                format!(
                    "{} or better than {peer} in both rate and CPU time, in {in_cases} of the cases",
                    ratio(at_least)
                )
            }
            Self::AtMost { bound, unit, .. } => format!("at most {} {unit}", figure(bound)),
            Self::Within { of, part } => format!("within ±{:.0} % of {of}", part * 100.0),
        }
    }

    fn measure(self, case: &str, summary: &Summary<'_>, servers: &[String]) -> Finding {
        let advantage = |peer: &str, metric| {
            Some(summary.advantage(case, OURS, peer, metric)?.median).filter(|ratio| ratio.is_finite())
        };
        match self {
            Self::AheadOfRegistries => {
                let registries = servers.iter().filter(|name| ![OURS, NGINX, NGINX_RETURN].contains(&name.as_str()));
                let found = registries.filter_map(|peer| Some((advantage(peer, Metric::Figure)?, peer)));
                let closest = found.min_by(|(a, _), (b, _)| a.total_cmp(b));
                let Some((value, peer)) = closest else { return Finding::of(None, ratio, |_| false) };
                Finding::of(Some(value), |value| format!("{} of {peer}", ratio(value)), |value| value > 1.0)
            }
            Self::Advantage { peer, metric, at_least } => {
                Finding::of(advantage(peer, metric), ratio, |value| value >= at_least)
            }
            Self::Level { peer, at_least, .. } => {
                let (rate, cpu) = (advantage(peer, Metric::Figure), advantage(peer, Metric::Cpu));
                let (Some(rate), Some(cpu)) = (rate, cpu) else { return Finding::of(None, ratio, |_| false) };
                let text = format!("{} in rate, {} in CPU time", ratio(rate), ratio(cpu));
                Finding { text, met: Some(rate >= at_least && cpu >= at_least) }
            }
            Self::AtMost { metric, bound, .. } => {
                let value = summary.spread(case, OURS, metric).map(|spread| spread.median);
                Finding::of(value, figure, |value| value <= bound)
            }
            Self::Within { of, part } => {
                let value = summary.ratio((case, OURS), (of, OURS), Metric::Figure).map(|spread| spread.median);
                Finding::of(value, ratio, |value| (value - 1.0).abs() <= part)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use crate::sample::{Percentiles, Run, Sample};

    fn judge(target: &Target, samples: &[Sample]) -> Verdict {
        let run: Run = fixture::run(samples);
        let servers: Vec<_> = run.servers.iter().map(|server| server.name.clone()).collect();
        target.judge(&Summary::new(&run), &servers)
    }

    fn sample(case: &str, server: &str, rate: f64) -> Sample {
        fixture::sample(case, server, 1, rate)
    }

    #[test]
    fn an_advantage_is_met_in_all_cases_or_not() {
        let target = ahead(&["a", "b"], OLAREG, Metric::Figure, 1.5);
        let mut samples =
            vec![sample("a", OURS, 3.0), sample("a", OLAREG, 2.0), sample("b", OURS, 3.0), sample("b", OLAREG, 2.0)];
        let verdict = judge(&target, &samples);
        assert_eq!((verdict.met, verdict.measured.as_str()), (Some(true), "×1.50; ×1.50"));
        samples[3].rate = 2.1;
        assert_eq!(judge(&target, &samples).met, Some(false));
        samples.pop();
        let verdict = judge(&target, &samples);
        assert_eq!((verdict.met, verdict.measured.as_str()), (None, "×1.50; not measured"));
    }

    #[test]
    fn the_closest_registry_counts_and_nginx_is_none() {
        let target = Target { cases: &["a"], goal: Goal::AheadOfRegistries };
        let mut samples = vec![sample("a", OURS, 3.0), sample("a", OLAREG, 2.0), sample("a", NGINX, 9.0)];
        let verdict = judge(&target, &samples);
        assert_eq!((verdict.met, verdict.measured.as_str()), (Some(true), "×1.50 of olareg"));
        samples.push(sample("a", "zot", 3.0));
        assert_eq!(judge(&target, &samples).met, Some(false));
        assert_eq!(judge(&target, &samples[..1]).met, None);
    }

    #[test]
    fn level_needs_rate_and_cpu_in_enough_cases() {
        let target = Target { cases: PULL, goal: Goal::Level { peer: NGINX, at_least: 0.95, in_cases: 2 } };
        let mut samples: Vec<_> =
            PULL.iter().flat_map(|case| [sample(case, OURS, 96.0), sample(case, NGINX, 100.0)]).collect();
        samples[0].rate = 50.0;
        assert_eq!(judge(&target, &samples).met, Some(true));
        samples[2].cpu_per_unit = 1.1;
        assert_eq!(judge(&target, &samples).met, Some(false));
        assert_eq!(judge(&target, &samples[..4]).met, None);
    }

    #[test]
    fn bounds_are_inclusive() {
        let memory = at_most(&["a"], Metric::Figure, 2.0, "MiB");
        let verdict = judge(&memory, &[sample("a", OURS, 2.0)]);
        assert_eq!((verdict.met, verdict.measured.as_str()), (Some(true), "2.00"));
        assert_eq!(verdict.target, "a: at most 2.00 MiB");
        assert_eq!(judge(&memory, &[sample("a", OURS, 2.1)]).met, Some(false));

        let latency = at_most(&["a"], Metric::P99, 5.0, "ms");
        let mut slow = sample("a", OURS, 1.0);
        assert_eq!(judge(&latency, &[slow.clone()]).met, None);
        slow.latency_ms = Some(Percentiles { p50: 1.0, p90: 2.0, p99: 5.1, max: 6.0 });
        assert_eq!(judge(&latency, &[slow]).met, Some(false));
    }

    #[test]
    fn a_figure_may_not_differ_much_either_way() {
        let target = Target { cases: &["large"], goal: Goal::Within { of: "small", part: 0.2 } };
        for (large, met) in [(79.0, false), (81.0, true), (119.0, true), (121.0, false)] {
            let samples = [sample("large", OURS, large), sample("small", OURS, 100.0)];
            assert_eq!(judge(&target, &samples).met, Some(met), "{large}");
        }
    }
}
