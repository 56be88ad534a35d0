//! Forcefield: an egress proxy that enforces least privilege on Salesforce API traffic.
