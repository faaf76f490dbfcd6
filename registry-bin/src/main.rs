//! The `registry` binary: hands the process's arguments and environment to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    tune_allocator();
    registry_bin::cli::run(std::env::args_os(), std::env::vars_os())
}

/// Has glibc's allocator give memory back, so that a burst of large pushes does not leave its peak behind.
///
/// By itself it keeps ever larger pieces for later, in a pool for every other thread. It can only be told otherwise before
/// a program begins, so that this one begins once more: the same process, with the variable set. Whoever sets the
/// variable has the last word, and if it does not work, the allocator is as it always is.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn tune_allocator() {
    use std::os::unix::process::CommandExt as _;

    const VARIABLE: &str = "GLIBC_TUNABLES";
    const TUNABLES: &str = "glibc.malloc.mmap_threshold=1048576:glibc.malloc.arena_max=4";

    if std::env::var_os(VARIABLE).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut again = std::process::Command::new(program);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    // Returns only if it failed.
    let _ = again.args(arguments).env(VARIABLE, TUNABLES).exec();
}
