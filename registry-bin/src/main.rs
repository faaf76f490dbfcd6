//! The `registry` binary: hands the process's arguments and environment to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    registry_bin::cli::run(std::env::args_os(), std::env::vars_os())
}
