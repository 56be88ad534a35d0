//! The binary `forcefield`.

fn main() -> std::process::ExitCode {
    forcefield::main()
}
