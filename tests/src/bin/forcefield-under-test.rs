//! The binary `forcefield`, built beside the scenarios so that they can start it.

fn main() -> std::process::ExitCode {
    forcefield::main()
}
