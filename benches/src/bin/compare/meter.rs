//! What a server uses, by the kernel's account.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::time::Duration;

/// What a server used during a sample.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Processor time of all threads of the process and its children, in nanoseconds from the scheduler.
    pub(crate) cpu: Duration,
    /// The most memory that was resident.
    pub(crate) peak_rss_bytes: u64,
    /// The memory that was resident at the end.
    pub(crate) rss_bytes: u64,
}

/// Measures from its start to its end.
#[derive(Debug)]
pub(crate) struct Meter {
    pid: u32,
    /// By thread: the time of one that ended in between counts for neither side.
    nanoseconds: HashMap<u32, u64>,
}

impl Meter {
    /// Begins to measure a process and its children.
    ///
    /// # Errors
    /// If there is no such process, or it is another user's.
    pub(crate) fn start(pid: u32) -> io::Result<Self> {
        // Without this file the children of a server could not be found, and it would seem to use nothing.
        fs::metadata("/proc/thread-self/children")?;
        for pid in family(pid)? {
            // 5 sets the peak back to what is resident now.
            fs::write(format!("/proc/{pid}/clear_refs"), "5")?;
        }
        Ok(Self { pid, nanoseconds: nanoseconds(pid)? })
    }

    /// Measures all that a process has used since it was started.
    pub(crate) fn since_start(pid: u32) -> Self {
        Self { pid, nanoseconds: HashMap::new() }
    }

    /// Returns what was used since.
    ///
    /// # Errors
    /// If the process has ended.
    pub(crate) fn stop(self) -> io::Result<Usage> {
        let now = nanoseconds(self.pid)?;
        let used = now.iter().map(|(thread, now)| now - self.nanoseconds.get(thread).unwrap_or(&0).min(now)).sum();
        let mut usage = Usage { cpu: Duration::from_nanos(used), ..Usage::default() };
        for pid in family(self.pid)? {
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            usage.peak_rss_bytes += bytes_of(&status, "VmHWM")?;
            usage.rss_bytes += bytes_of(&status, "VmRSS")?;
        }
        Ok(usage)
    }
}

/// Returns the resident memory of a process and its children.
///
/// # Errors
/// If the process has ended.
pub(crate) fn rss_bytes(pid: u32) -> io::Result<u64> {
    let of = |pid| bytes_of(&fs::read_to_string(format!("/proc/{pid}/status"))?, "VmRSS");
    family(pid)?.into_iter().map(of).sum()
}

/// Returns a process and its children, and theirs.
fn family(pid: u32) -> io::Result<Vec<u32>> {
    let mut all = vec![pid];
    let mut next = 0;
    while let Some(&pid) = all.get(next) {
        for thread in threads(pid)? {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{thread}/children")).unwrap_or_default();
            all.extend(children.split_ascii_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
        next += 1;
    }
    Ok(all)
}

fn threads(pid: u32) -> io::Result<Vec<u32>> {
    let entries = fs::read_dir(format!("/proc/{pid}/task"))?;
    entries.map(|entry| entry?.file_name().to_string_lossy().parse().map_err(io::Error::other)).collect()
}

fn nanoseconds(pid: u32) -> io::Result<HashMap<u32, u64>> {
    let mut found = HashMap::new();
    for pid in family(pid)? {
        for thread in threads(pid)? {
            // A thread may end between the listing and the reading.
            if let Ok(schedstat) = fs::read_to_string(format!("/proc/{pid}/task/{thread}/schedstat")) {
                found.insert(thread, on_processor(&schedstat)?);
            }
        }
    }
    Ok(found)
}

/// Reads the first number of `schedstat`: nanoseconds spent on a processor.
fn on_processor(schedstat: &str) -> io::Result<u64> {
    let first = schedstat.split_ascii_whitespace().next().unwrap_or_default();
    first.parse().map_err(|_| io::Error::other(format!("schedstat begins with `{first}`, expected a number")))
}

/// Reads a line of `status` such as `VmRSS:     123 kB`.
fn bytes_of(status: &str, name: &str) -> io::Result<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.strip_suffix("kB"));
    let kib: Option<u64> = value.and_then(|value| value.trim().parse().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other(format!("a process's status has no {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_lines_are_read() {
        assert_eq!(on_processor("5443 1014111 7\n").unwrap(), 5443);
        assert!(on_processor("").is_err());
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(bytes_of(status, "VmHWM").unwrap(), 2 << 20);
        assert_eq!(bytes_of(status, "VmRSS").unwrap(), 1 << 20);
        assert!(bytes_of(status, "Vm").is_err());
    }

    #[test]
    fn work_is_measured() {
        let meter = Meter::start(std::process::id()).unwrap();
        let mut memory = vec![0_u8; 32 << 20];
        memory.iter_mut().zip(0_u64..).for_each(|(byte, number)| *byte = number as u8);
        assert!(memory.iter().map(|byte| u64::from(*byte)).sum::<u64>() > 0);
        let usage = meter.stop().unwrap();
        assert!(usage.cpu > Duration::ZERO);
        assert!(usage.peak_rss_bytes >= 32 << 20 && usage.rss_bytes > 0);
    }
}
