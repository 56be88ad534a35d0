//! The subcommands of forcefield: policy tools, and the client of the control plane.
