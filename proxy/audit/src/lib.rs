//! The record of every exchange: one JSON line each, written before it is answered for.
