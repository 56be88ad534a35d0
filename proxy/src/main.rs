//! The binary `forcefield`.

/// Requests allocate on one thread and free on another, which glibc pays for with locks and arenas: a seventh of the
/// proxy's CPU (`benches/README.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    forcefield::main()
}
