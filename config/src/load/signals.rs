//! `signals`: what is written over what holds without it.

use crate::config::{
    Fingerprint, JobDeleted, Learning, Reconnaissance, RowRate, SignalThrottle, Signals, Silent,
};
use crate::raw::signals as raw;

/// The signals of a section, where `usual` stands for what it does not say. `None` when something in it cannot be
/// read, which is then reported.
pub(super) fn signals(raw: Option<Option<raw::Signals>>, usual: Signals) -> Option<Signals> {
    let Some(raw) = raw? else { return Some(usual) };
    Some(Signals {
        learning: raw.learning?.map_or(Some(usual.learning), |raw| learning(raw, usual.learning))?,
        throttle: raw.throttle?.map_or(Some(usual.throttle), |raw| throttle(raw, usual.throttle))?,
        fingerprint: raw
            .fingerprint?
            .map_or(Some(usual.fingerprint), |raw| fingerprint(raw, usual.fingerprint))?,
        reconnaissance: match raw.reconnaissance? {
            None => usual.reconnaissance,
            Some(raw) => Reconnaissance {
                level: raw.level?.map_or(usual.reconnaissance.level, |level| level.value),
                window: raw.window?.map_or(usual.reconnaissance.window, |window| window.value.0),
            },
        },
        row_rate: match raw.row_rate? {
            None => usual.row_rate,
            Some(raw) => RowRate {
                level: raw.level?.map_or(usual.row_rate.level, |level| level.value),
                factor: raw.factor?.map_or(usual.row_rate.factor, |factor| factor.value),
                floor: raw.floor?.map_or(usual.row_rate.floor, |floor| floor.value),
            },
        },
        job_deleted: match raw.job_deleted? {
            None => usual.job_deleted,
            Some(raw) => JobDeleted {
                level: raw.level?.map_or(usual.job_deleted.level, |level| level.value),
                within: raw.within?.map_or(usual.job_deleted.within, |within| within.value.0),
            },
        },
        silent: match raw.silent? {
            None => usual.silent,
            Some(raw) => Silent {
                level: raw.level?.map_or(usual.silent.level, |level| level.value),
                after: raw.after?.map_or(usual.silent.after, |after| after.value.0),
            },
        },
    })
}

fn learning(raw: raw::Learning, usual: Learning) -> Option<Learning> {
    Some(Learning {
        days: raw.days?.map_or(usual.days, |days| days.value.get()),
        requests: raw.requests?.map_or(usual.requests, |requests| requests.value.get()),
    })
}

fn throttle(raw: raw::Throttle, usual: SignalThrottle) -> Option<SignalThrottle> {
    Some(SignalThrottle {
        requests: raw.requests?.map_or(usual.requests, |requests| requests.value),
        rows: raw.rows?.map_or(usual.rows, |rows| rows.value.0),
        lasting: raw.r#for?.map_or(usual.lasting, |lasting| lasting.value.0),
    })
}

fn fingerprint(raw: raw::Fingerprint, usual: Fingerprint) -> Option<Fingerprint> {
    let watch = raw.watch?.map(|watch| watch.into_iter().map(|one| one.value).collect());
    Some(Fingerprint {
        level: raw.level?.map_or(usual.level, |level| level.value),
        watch: watch.unwrap_or(usual.watch),
    })
}
