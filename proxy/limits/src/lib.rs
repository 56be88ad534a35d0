//! Request rates, concurrency, row and byte budgets, the ledger of cursors and jobs.
