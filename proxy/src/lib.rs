//! Forcefield: an egress proxy that enforces least privilege on Salesforce API traffic.

pub mod front;

#[cfg(test)]
mod testing;
