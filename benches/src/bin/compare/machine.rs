//! What a run is taken on.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::thread;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Describes the processor, the memory and the disk that a directory is on.
///
/// # Errors
/// If the system does not tell.
pub(crate) fn describe(directory: &Path) -> io::Result<String> {
    let processor = line_of("/proc/cpuinfo", "model name")?;
    let memory = line_of("/proc/meminfo", "MemTotal")?;
    let kib: u64 = memory.trim_end_matches(" kB").parse().map_err(io::Error::other)?;
    let processors = thread::available_parallelism()?;
    // df speaks of the file system of a path, whatever is mounted where.
    let output = Command::new("df").arg("--output=fstype,source").arg(directory).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let disk: Vec<_> = said.lines().last().unwrap_or_default().split_whitespace().collect();
    Ok(format!("{processors} × {processor}, {} GiB of memory, {}", kib >> 20, disk.join(" on ")))
}

/// Returns name and release of the kernel.
pub(crate) fn kernel() -> String {
    let name = rustix::system::uname();
    format!("{} {}", name.sysname().to_string_lossy(), name.release().to_string_lossy())
}

/// Returns the time, RFC 3339 in UTC, to the second.
///
/// # Errors
/// If it cannot be written in that form.
pub(crate) fn date() -> io::Result<String> {
    let now = OffsetDateTime::now_utc().replace_nanosecond(0).map_err(io::Error::other)?;
    now.format(&Rfc3339).map_err(io::Error::other)
}

fn line_of(file: &str, name: &str) -> io::Result<String> {
    let text = fs::read_to_string(file)?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
    let value = value.ok_or_else(|| io::Error::other(format!("{file} has no {name}")))?;
    Ok(value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_described() {
        let text = describe(Path::new("/")).unwrap();
        assert!(text.contains(" GiB of memory, ") && text.contains(" on "), "{text}");
        assert!(kernel().starts_with("Linux "));
        assert!(date().unwrap().ends_with('Z'));
    }
}
