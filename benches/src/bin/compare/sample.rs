//! What a run records: the figures of every sample, and what they were taken on.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One run of the comparison.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Run {
    /// Processor model, number of processors, memory and file system.
    pub machine: String,
    /// Name and release of the kernel.
    pub kernel: String,
    /// When the run began, RFC 3339 in UTC.
    pub date: String,
    /// Decides the order of the servers in every round.
    pub seed: u64,
    /// The servers that took part.
    pub servers: Vec<ServerInfo>,
    /// In the order in which they were taken.
    pub samples: Vec<Sample>,
    /// What could not be measured.
    pub failures: Vec<Failure>,
}

/// A server that did not do in a case what it should, and was left out of it from there on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// Name of the case.
    pub case: String,
    /// Name of the server.
    pub server: String,
    pub reason: String,
}

/// A server that takes part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerInfo {
    /// Unique in a run; samples refer to it.
    pub name: String,
    pub version: String,
    /// What it syncs to disk before it answers a push, in a few words that begin with `yes`, `partly`, `no` or, for a server
    /// that takes no pushes, `-`.
    pub syncs: String,
}

/// One server's figures for one case in one round.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Name of the case, for people, unique in a run.
    pub case: String,
    /// Name of the server.
    pub server: String,
    /// Counts from 1.
    pub round: u32,
    pub unit: Unit,
    /// The figure of the case, as [`Unit::rate_label`] says.
    pub rate: f64,
    /// Processor time of all threads and children of the server during the sample.
    pub cpu_seconds: f64,
    /// The same for one unit of work, as [`Unit::cpu_label`] says.
    pub cpu_per_unit: f64,
    /// Of the single requests or transfers, where there are enough to speak of.
    pub latency_ms: Option<Percentiles>,
    /// The most memory that was resident during the sample.
    pub peak_rss_bytes: u64,
    /// The memory that was resident after it.
    pub rss_bytes: u64,
    /// How many connections were at work.
    pub connections: u32,
}

/// What the figure of a case counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    /// Bytes of content moved.
    Bytes,
    /// Requests answered.
    Requests,
    /// Images pushed: two blobs and a manifest each.
    Images,
    /// A time that something takes; the case's name says whether it is a median or a percentile.
    Milliseconds,
    /// Memory.
    Memory,
}

impl Unit {
    /// Returns what [`Sample::rate`] is counted in.
    pub(crate) fn rate_label(self) -> &'static str {
        match self {
            Self::Bytes => "MiB/s",
            Self::Requests => "requests/s",
            Self::Images => "images/s",
            Self::Milliseconds => "ms",
            Self::Memory => "MiB",
        }
    }

    /// Returns what [`Sample::cpu_per_unit`] is counted in.
    pub(crate) fn cpu_label(self) -> &'static str {
        match self {
            Self::Bytes => "CPU s/GiB",
            Self::Requests => "CPU µs/request",
            Self::Images => "CPU ms/image",
            Self::Milliseconds | Self::Memory => "CPU ms",
        }
    }

    /// Returns whether a smaller figure is the better one.
    pub(crate) fn lower_is_better(self) -> bool {
        matches!(self, Self::Milliseconds | Self::Memory)
    }

    /// Returns the processor time for one unit of work, as [`Unit::cpu_label`] says. `amount` is the work that was
    /// done: bytes, requests, images, or how often the thing was done.
    pub(crate) fn cpu_per_unit(self, cpu: Duration, amount: f64) -> f64 {
        let of_one = cpu.as_secs_f64() / amount;
        match self {
            Self::Bytes => of_one * f64::from(1 << 30),
            Self::Requests => of_one * 1e6,
            Self::Images | Self::Milliseconds | Self::Memory => of_one * 1e3,
        }
    }
}

/// How long the single requests of a sample took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

impl Percentiles {
    /// Returns the percentiles in milliseconds by nearest rank, or nothing if there is no time at all. Sorts the times.
    pub(crate) fn of(times: &mut [Duration]) -> Option<Self> {
        times.sort_unstable();
        let at = |percent: usize| {
            let rank = (times.len() * percent).div_ceil(100).max(1);
            times.get(rank - 1).map(|time| time.as_secs_f64() * 1e3)
        };
        Some(Self { p50: at(50)?, p90: at(90)?, p99: at(99)?, max: at(100)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let mut times: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        let found = Percentiles::of(&mut times).unwrap();
        assert_eq!(found, Percentiles { p50: 100.0, p90: 180.0, p99: 198.0, max: 200.0 });
        let one = Percentiles::of(&mut [Duration::from_millis(7)]).unwrap();
        assert_eq!(one, Percentiles { p50: 7.0, p90: 7.0, p99: 7.0, max: 7.0 });
        assert_eq!(Percentiles::of(&mut []), None);
    }

    #[test]
    fn processor_time_is_counted_for_one_unit() {
        let second = Duration::from_secs(1);
        assert_eq!(Unit::Bytes.cpu_per_unit(second, f64::from(1 << 29)), 2.0);
        assert_eq!(Unit::Requests.cpu_per_unit(second, 100_000.0), 10.0);
        assert_eq!(Unit::Images.cpu_per_unit(second, 100.0), 10.0);
        assert_eq!(Unit::Milliseconds.cpu_per_unit(second, 4.0), 250.0);
    }
}
