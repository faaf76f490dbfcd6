//! The tables of a run.

use std::fmt::Write as _;

use super::chart::Spread;
use super::figure::{figure, mebibytes, ratio};
use super::plots::Plot;
use super::summary::{Metric, Summary};
use super::targets::{OURS, TARGETS};
use crate::sample::{Failure, Run, Sample};

/// Returns the results as a document that links to the plots.
pub(crate) fn write(run: &Run, summary: &Summary<'_>, plots: &[Plot]) -> String {
    let names: Vec<String> = run.servers.iter().map(|server| server.name.clone()).collect();
    let peers: Vec<&str> = names.iter().map(String::as_str).filter(|name| *name != OURS).collect();
    let mut text = String::new();
    introduction(&mut text, run);

    section(&mut text, "Figures to reach", "Ratios are medians of the rounds' ratios; above 1, ours is better.");
    table(
        &mut text,
        &["target", "measured", "met"],
        TARGETS.iter().map(|target| {
            let verdict = target.judge(summary, &names);
            let met = match verdict.met {
                Some(true) => "yes",
                Some(false) => "**no**",
                None => "not measured",
            };
            vec![verdict.target, verdict.measured, met.to_owned()]
        }),
    );

    section(
        &mut text,
        "Rates and CPU time",
        "Median of the rounds (least–greatest) · the server's CPU time for one unit of work.",
    );
    let columns: Vec<&str> = ["case", "unit"].into_iter().chain(names.iter().map(String::as_str)).collect();
    table(
        &mut text,
        &columns,
        summary.cases().iter().map(|case| {
            let unit = format!("{} · {}", case.unit.rate_label(), case.unit.cpu_label());
            row([case.case.clone(), unit], &names, |server| rate(summary, case, server))
        }),
    );

    section(
        &mut text,
        "Ours against the others",
        "How many times as good ours is in the case's figure · in CPU time: above 1, ours is better. Medians of the rounds' ratios.",
    );
    let columns: Vec<&str> = ["case"].into_iter().chain(peers.iter().copied()).collect();
    table(
        &mut text,
        &columns,
        summary
            .cases()
            .iter()
            .map(|case| row([case.case.clone()], &peers, |peer| advantage(summary, &case.case, peer))),
    );

    section(&mut text, "Latency", "Milliseconds: p50 / p90 / p99 / longest. Medians of the rounds.");
    let columns: Vec<&str> = ["case"].into_iter().chain(names.iter().map(String::as_str)).collect();
    table(
        &mut text,
        &columns,
        summary.cases().iter().filter_map(|case| {
            let row = row([case.case.clone()], &names, |server| latency(summary, &case.case, server));
            row[1..].iter().any(|cell| !cell.is_empty()).then_some(row)
        }),
    );

    section(
        &mut text,
        "Memory",
        "Resident MiB of the server: the most during a sample (in any round) → after it (median).",
    );
    table(
        &mut text,
        &columns,
        summary
            .cases()
            .iter()
            .map(|case| row([case.case.clone()], &names, |server| memory(summary, &case.case, server))),
    );

    if !run.failures.is_empty() {
        section(&mut text, "Failures", "Servers that did not stand a case, and were left out of it from there on.");
        let cells = |failure: &Failure| vec![failure.case.clone(), failure.server.clone(), failure.reason.clone()];
        table(&mut text, &["case", "server", "reason"], run.failures.iter().map(cells));
    }

    section(&mut text, "Plots", "Thin lines show the span of the rounds.");
    for plot in plots {
        _ = writeln!(text, "![{}](plots/{})\n", plot.title, plot.file);
    }
    text
}

fn introduction(text: &mut String, run: &Run) {
    let rounds = run.samples.iter().map(|sample| sample.round).max().unwrap_or(0);
    _ = writeln!(text, "# Results of a comparison\n");
    _ = writeln!(text, "- machine: {}", run.machine);
    _ = writeln!(text, "- kernel: {}", run.kernel);
    _ = writeln!(text, "- begun: {}", run.date);
    _ = writeln!(text, "- up to {rounds} rounds, the order of the servers by seed {}\n", run.seed);
    table(
        text,
        &["server", "version", "syncs before it answers a push"],
        run.servers.iter().map(|server| vec![server.name.clone(), server.version.clone(), server.syncs.clone()]),
    );
}

fn section(text: &mut String, title: &str, note: &str) {
    _ = writeln!(text, "\n## {title}\n\n{note}\n");
}

fn table(text: &mut String, columns: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let line = |cells: Vec<String>| {
        let cells: Vec<_> = cells.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    text.push_str(&line(columns.iter().map(|&column| column.to_owned()).collect()));
    text.push_str(&format!("|{}\n", "---|".repeat(columns.len())));
    text.extend(rows.map(line));
}

/// Returns a row of a table: its head, and a cell for each server, empty where nothing was measured.
fn row<const HEAD: usize, S: AsRef<str>>(
    head: [String; HEAD],
    servers: &[S],
    cell: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    head.into_iter().chain(servers.iter().map(|server| cell(server.as_ref()).unwrap_or_default())).collect()
}

fn rate(summary: &Summary<'_>, case: &Sample, server: &str) -> Option<String> {
    let Spread { median, min, max } = summary.spread(&case.case, server, Metric::Figure)?;
    let cpu = summary.spread(&case.case, server, Metric::Cpu)?;
    Some(format!("{} ({}–{}) · {}", figure(median), figure(min), figure(max), figure(cpu.median)))
}

fn advantage(summary: &Summary<'_>, case: &str, peer: &str) -> Option<String> {
    let rate = summary.advantage(case, OURS, peer, Metric::Figure)?;
    let cpu = summary.advantage(case, OURS, peer, Metric::Cpu);
    let cpu = cpu.map_or_else(|| "–".to_owned(), |cpu| ratio(cpu.median));
    Some(format!("{} · {cpu}", ratio(rate.median)))
}

fn latency(summary: &Summary<'_>, case: &str, server: &str) -> Option<String> {
    let of = |metric| summary.spread(case, server, metric).map(|spread| figure(spread.median));
    Some([of(Metric::P50)?, of(Metric::P90)?, of(Metric::P99)?, of(Metric::Longest)?].join(" / "))
}

fn memory(summary: &Summary<'_>, case: &str, server: &str) -> Option<String> {
    let peak = summary.spread(case, server, Metric::PeakMemory)?.max;
    let after = summary.spread(case, server, Metric::Memory)?.median;
    Some(format!("{} → {}", mebibytes(peak), mebibytes(after)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_cell_has_figure_span_and_cpu() {
        let run = fixture::run(&[
            fixture::sample("pull", OURS, 1, 100.0),
            fixture::sample("pull", OURS, 2, 300.0),
            fixture::sample("pull", "a|b", 1, 50.0),
        ]);
        let text = write(&run, &Summary::new(&run), &[]);
        let line = text.lines().find(|line| line.starts_with("| pull |")).unwrap();
        assert_eq!(line, "| pull | MiB/s · CPU s/GiB | 200 (100–300) · 1.00 | 50.0 (50.0–50.0) · 1.00 |");
        assert!(text.contains("| pull | ×2.00 · ×1.00 |"), "only the first round has both: {text}");
        assert!(text.contains("| pull | 2.00 → 1.00 | 2.00 → 1.00 |"), "{text}");
        assert!(text.contains(r"| a\|b | 1.0 | no |"), "{text}");
        assert!(text.contains("| not measured |"), "the targets are of other cases");
    }

    #[test]
    fn a_failure_takes_one_line() {
        let mut run = fixture::run(&[fixture::sample("pull", OURS, 1, 1.0)]);
        assert!(!write(&run, &Summary::new(&run), &[]).contains("## Failures"));
        let (case, server, reason) = ("pull".to_owned(), "zot".to_owned(), "its log:\nno".to_owned());
        run.failures.push(Failure { case, server, reason });
        assert!(write(&run, &Summary::new(&run), &[]).contains("| pull | zot | its log: no |"));
    }

    #[test]
    fn every_row_has_as_many_cells_as_its_table() {
        let run = fixture::run(&[fixture::sample("pull", OURS, 1, 1.0), fixture::sample("push", "other", 1, 1.0)]);
        let text = write(&run, &Summary::new(&run), &[]);
        for table in text.split("\n\n").filter(|part| part.starts_with('|')) {
            let mut widths = table.lines().map(|line| line.matches('|').count());
            let first = widths.next();
            assert!(widths.all(|width| Some(width) == first), "{table}");
        }
    }
}
