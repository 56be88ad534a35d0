//! The binary `forcefield`.

fn main() {}
