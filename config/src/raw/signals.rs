//! `signals` as it is written, in the main file for all and in an identity's file for itself.

use std::num::{NonZeroU32, NonZeroU64};

use crate::config::{Rate, SignalLevel, Trait};
use crate::read::{At, Lasting, Rows, record};

record! {
    /// signals
    Signals {
        /// How long an integration is watched before what is new of it means anything.
        learning: Option<Learning>,
        /// What the level `throttle` puts on.
        throttle: Option<Throttle>,
        /// Something of its client is new: product, API version, network, objects, hour of the day.
        fingerprint: Option<Fingerprint>,
        /// It looks around: lists, describes, counts, samples, exports what it never did before.
        reconnaissance: Option<Reconnaissance>,
        /// It reads far more rows an hour than it ever did.
        row_rate: Option<RowRate>,
        /// It deletes an export job soon after it fetched the results.
        job_deleted: Option<JobDeleted>,
        /// It was there nearly every day, and then no more.
        silent: Option<Silent>,
    }
}

record! {
    /// signals: learning
    Learning {
        /// On how many different days (UTC) it must have been active; `7` when absent.
        days: Option<At<NonZeroU32>>,
        /// How many requests it must have made; `100` when absent.
        requests: Option<At<NonZeroU32>>,
    }
}

record! {
    /// signals: throttle
    Throttle {
        /// How often it may call; `1/s` when absent.
        requests: Option<At<Rate>>,
        /// How many rows it may read; `10000/hour` when absent.
        rows: Option<At<Rows>>,
        /// For how long; `24h` when absent.
        r#for: Option<At<Lasting>>,
    }
}

record! {
    /// signals: fingerprint
    Fingerprint {
        /// What it does; `record` when absent.
        level: Option<At<SignalLevel>>,
        /// What is looked at: `client`, `version`, `network`, `objects`, `hour`; all of them when absent.
        watch: Option<Vec<At<Trait>>>,
    }
}

record! {
    /// signals: reconnaissance
    Reconnaissance {
        /// What it does; `quarantine` when absent.
        level: Option<At<SignalLevel>>,
        /// Within how long the third sort of look has to follow the first; `1h` when absent.
        window: Option<At<Lasting>>,
    }
}

record! {
    /// signals: row_rate
    RowRate {
        /// What it does; `throttle` when absent.
        level: Option<At<SignalLevel>>,
        /// How many times the rows of its largest hour; `5` when absent.
        factor: Option<At<NonZeroU32>>,
        /// As many rows an hour never fire it; `10000` when absent.
        floor: Option<At<NonZeroU64>>,
    }
}

record! {
    /// signals: job_deleted
    JobDeleted {
        /// What it does; `record` when absent.
        level: Option<At<SignalLevel>>,
        /// How soon after results were fetched last; `10m` when absent.
        within: Option<At<Lasting>>,
    }
}

record! {
    /// signals: silent
    Silent {
        /// What it does; `record` when absent.
        level: Option<At<SignalLevel>>,
        /// How long after its last request; `72h` when absent, which a weekend is within.
        after: Option<At<Lasting>>,
    }
}
