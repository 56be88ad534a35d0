//! The control plane: its wire types and the admin API.
