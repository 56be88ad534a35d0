//! Decisions on hand-made requests.
