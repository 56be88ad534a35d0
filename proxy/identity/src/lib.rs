//! Who is calling: certificate, token or workload JWT to an identity.
