//! Forcefield: an egress proxy that enforces least privilege on Salesforce API traffic.

pub mod front;
pub mod upstream;

#[cfg(test)]
mod testing;
