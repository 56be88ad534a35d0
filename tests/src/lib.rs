//! Black-box scenarios of Forcefield, one module a promise.
