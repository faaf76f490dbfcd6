//! What a run is told as: JSON with every sample, Markdown with medians and ratios, and charts.
//!
//! ```text
//! <directory>
//! ├── results.json        the run as recorded: everything else can be made from it again
//! ├── results.md          tables, and whether the figures to reach are met
//! └── plots/*.svg         charts, which the tables link to
//! ```

mod chart;
mod figure;
mod markdown;
mod plots;
mod summary;
mod svg;
mod targets;

use std::fs;
use std::io;
use std::path::Path;

use crate::sample::Run;
use summary::Summary;

/// Writes the results of a run into a directory, which is created. What an earlier run left there is replaced.
///
/// # Errors
/// What the file system says.
pub(crate) fn write(run: &Run, directory: &Path) -> io::Result<()> {
    let plots = directory.join("plots");
    match fs::remove_dir_all(&plots) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir_all(&plots)?,
    }
    fs::write(directory.join("results.json"), serde_json::to_string_pretty(run)? + "\n")?;

    let summary = Summary::new(run);
    let drawings = plots::draw(run, &summary);
    for plot in &drawings {
        fs::write(plots.join(&plot.file), &plot.svg)?;
    }
    fs::write(directory.join("results.md"), markdown::write(run, &summary, &drawings))
}

#[cfg(test)]
mod fixture {
    use crate::sample::{Run, Sample, ServerInfo, Unit};

    /// A run of these samples, with their servers.
    pub(super) fn run(samples: &[Sample]) -> Run {
        let mut servers: Vec<ServerInfo> = Vec::new();
        for sample in samples {
            if !servers.iter().any(|server| server.name == sample.server) {
                let syncs = "no".to_owned();
                servers.push(ServerInfo { name: sample.server.clone(), version: "1.0".to_owned(), syncs });
            }
        }
        let text = str::to_owned;
        Run {
            machine: text("m"),
            kernel: text("k"),
            date: text("d"),
            seed: 7,
            servers,
            samples: samples.to_vec(),
            failures: Vec::new(),
        }
    }

    /// A sample with this figure, and 1 as its CPU time for a unit.
    pub(super) fn sample(case: &str, server: &str, round: u32, rate: f64) -> Sample {
        Sample {
            case: case.to_owned(),
            server: server.to_owned(),
            round,
            unit: Unit::Bytes,
            rate,
            cpu_seconds: 1.0,
            cpu_per_unit: 1.0,
            latency_ms: None,
            peak_rss_bytes: 2 << 20,
            rss_bytes: 1 << 20,
            connections: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Percentiles;

    #[test]
    fn everything_is_written_and_the_json_holds_the_run() {
        let mut samples = Vec::new();
        for (case, connections) in [("pull 1 MiB ×1", 1), ("pull 1 MiB ×8", 8)] {
            for (server, rate) in [("registry", 100.0), ("a|b", 50.0)] {
                let mut sample = fixture::sample(case, server, 1, rate);
                sample.connections = connections;
                sample.latency_ms = Some(Percentiles { p50: 1.0, p90: 2.0, p99: 3.0, max: 4.0 });
                samples.push(sample);
            }
        }
        let run = fixture::run(&samples);
        let directory = tempfile::tempdir().unwrap();
        write(&run, directory.path()).unwrap();
        write(&run, directory.path()).expect("results can be replaced");

        let json = fs::read(directory.path().join("results.json")).unwrap();
        let read: Run = serde_json::from_slice(&json).unwrap();
        assert_eq!((read.seed, read.samples.len()), (7, 4));
        assert_eq!(read.samples[3].rate, 50.0);

        let markdown = fs::read_to_string(directory.path().join("results.md")).unwrap();
        let mut links = 0;
        for link in markdown.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let svg = fs::read_to_string(directory.path().join(link)).expect("every link has its file");
            roxmltree::Document::parse(&svg).expect("every chart is XML");
            links += 1;
        }
        assert_eq!(links, fs::read_dir(directory.path().join("plots")).unwrap().count());
        assert!(links >= 3, "bars, curves over connections, percentiles");
    }
}
