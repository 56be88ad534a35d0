//! The people who may act: each told from every other, and enough of them for what takes two.

use crate::config::{Approvals, Responder, ResponderProof, Role};
use crate::problem::{Place, Report};
use crate::raw;
use crate::read::{At, Placed};

/// Checks the responders. `asks` is whether `listen.control` asks for client certificates; without a readable number
/// of `approvals` nothing is said about how many there must be.
pub(super) fn responders(
    raw: Vec<Placed<raw::Responder>>,
    (asks, approvals): (bool, Option<At<Approvals>>),
    report: &mut Report<'_>,
) -> Option<Vec<Responder>> {
    let mut known: Vec<(Responder, usize)> = Vec::new();
    let mut whole = true;
    for placed in raw {
        let at = placed.at;
        let Some(responder) = responder(placed, asks, report) else {
            whole = false;
            continue;
        };
        apart(&responder, at, &known, report);
        known.push((responder, at.line));
    }
    let responders: Vec<Responder> = known.into_iter().map(|(responder, _)| responder).collect();
    if let Some(approvals) = approvals.filter(|approvals| whole && approvals.value == Approvals::Two) {
        enough(&responders, approvals.at, report);
    }
    whole.then_some(responders)
}

fn responder(
    Placed { at, keys: raw }: Placed<raw::Responder>,
    asks: bool,
    report: &mut Report<'_>,
) -> Option<Responder> {
    let (name, role) = (raw.name?, raw.role);
    let proof = match (raw.certificate?, raw.token?) {
        (Some(certificate), None) => {
            if !asks {
                let help = "write `client_ca` under `listen.control.tls`";
                report.warning(certificate.at, "`listen.control` asks for no client certificate", help);
            }
            ResponderProof::Certificate(certificate.value)
        }
        (None, Some(token)) => ResponderProof::Token(token.value),
        (certificate, _) => {
            let what = if certificate.is_some() {
                "`certificate` and `token` exclude each other"
            } else {
                "neither `certificate` nor `token` is written"
            };
            report.error(at, what, "write one of them: how the responder proves who it is");
            return None;
        }
    };
    Some(Responder { name: name.value, role: role?.value, proof })
}

/// Whoever shares a name or a proof with another is not told from them, and two such are not two people.
fn apart(responder: &Responder, at: Place, known: &[(Responder, usize)], report: &mut Report<'_>) {
    let Responder { name, proof, .. } = responder;
    if let Some((_, line)) = known.iter().find(|(known, _)| known.name == *name) {
        report.error(
            at,
            format!("`{name}` is a responder already, in line {line}"),
            "give each its own name",
        );
    } else if let Some((other, line)) = known.iter().find(|(known, _)| known.proof == *proof) {
        let what = format!("`{name}` proves who it is as `{}` in line {line} does", other.name);
        report.error(at, what, "give each person a certificate or token of their own");
    }
}

fn enough(responders: &[Responder], at: Place, report: &mut Report<'_>) {
    let acting = responders.iter().filter(|responder| responder.role >= Role::Responder).count();
    let admins = responders.iter().filter(|responder| responder.role == Role::Admin).count();
    if acting < 2 || admins < 1 {
        report.error(
            at,
            "nobody could restore anything: that takes two people here, one of them an admin",
            "add responders of role `responder` or `admin`, or write `approvals: 1`",
        );
    }
}
