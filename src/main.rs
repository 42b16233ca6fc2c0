//! Arguments to the command line, errors to exit codes.
//!
//! Everything else is in the library, so that tests and benches reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The one choice that the TLS library keeps for the whole process. It fails only when it was made before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match boda::cli::run(std::env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.print();
            ExitCode::from(error.exit_code())
        }
    }
}
