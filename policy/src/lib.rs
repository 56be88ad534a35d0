//! What a Salesforce request means, and whether an integration may make it: pure, no I/O.
