//! The measurements behind every claim of speed: in-process benches (`cargo bench`) and the end-to-end load driver
//! (`cargo run --release -p forcefield-benches --bin end-to-end`).

pub mod allocations;
pub mod load;
pub mod proxies;
pub mod upstream;
