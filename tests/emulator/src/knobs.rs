//! What a test can turn: trouble, delay, compression, allowances.

use std::collections::VecDeque;
use std::time::Duration;

/// Which side of the org a knob is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Everything that needs a session.
    Data,
    /// The token endpoint and its neighbours, and SOAP `login`.
    Login,
}

/// What can go wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// 503 `SERVER_UNAVAILABLE` in the org's JSON; on the login side `temporarily_unavailable`.
    Unavailable,
    /// 503 with an HTML page, as during maintenance.
    HtmlError,
    /// 200 with a body that is not what its content type says.
    Garbage,
    /// The connection ends without an answer; the request was carried out.
    DropAfterWork,
    /// The connection ends without an answer and nothing was done.
    DropBeforeWork,
    /// The connection ends in the middle of the body.
    CutBody,
    /// 401 `INVALID_SESSION_ID` although the session lives.
    SessionRefused,
}

/// When answers are compressed with gzip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// When the request accepts it.
    #[default]
    AsAsked,
    /// Always, asked or not.
    Always,
    /// Never.
    Never,
}

/// The positions of all knobs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Knobs {
    troubles: VecDeque<(Side, Trouble, u32)>,
    pub(crate) data_latency: Duration,
    pub(crate) login_latency: Duration,
    /// Requests whose answers waited so far.
    pub(crate) delayed: u64,
    /// Bodies are sent this many bytes at a time, with a pause after each.
    pub(crate) pace: Option<(usize, Duration)>,
    pub(crate) compression: Compression,
    pub(crate) page_size: Option<u64>,
    /// What `Sforce-Limit-Info` says instead of the truth.
    pub(crate) limit_info: Option<String>,
}

// === impl Knobs ===

impl Knobs {
    /// Plans trouble for the next requests of a side.
    pub(crate) fn plan(&mut self, side: Side, trouble: Trouble, times: u32) {
        if times > 0 {
            self.troubles.push_back((side, trouble, times));
        }
    }

    /// Forgets all planned trouble.
    pub(crate) fn heal(&mut self) {
        self.troubles.clear();
    }

    /// The trouble planned for this request.
    pub(crate) fn next(&mut self, side: Side) -> Option<Trouble> {
        let place = self.troubles.iter().position(|(planned, _, _)| *planned == side)?;
        let (_, trouble, times) = self.troubles.get_mut(place)?;
        let trouble = *trouble;
        *times -= 1;
        if *times == 0 {
            self.troubles.remove(place);
        }
        Some(trouble)
    }

    /// How long the answer to this request waits.
    pub(crate) fn latency(&mut self, side: Side) -> Duration {
        let latency = match side {
            Side::Data => self.data_latency,
            Side::Login => self.login_latency,
        };
        self.delayed += u64::from(!latency.is_zero());
        latency
    }
}
