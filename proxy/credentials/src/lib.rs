//! Mints, caches and renews the orgs' tokens; the only reader of secrets.
