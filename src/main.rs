//! The binary `lab`.
use std::process::ExitCode;

fn main() -> ExitCode {
    lab::nn::prepare_process();
    lab::cli::main()
}
