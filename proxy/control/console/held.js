// What one integration holds: tokens of Forcefield, cursors and jobs at the org. Asked for when somebody wants to see it.

import { el, find, table } from "./dom.js";
import { time } from "./format.js";
import { get, may } from "./session.js";
import { revoke } from "./act.js";

const part = find("identity-held");
let name = null;

export function enter(identity) {
  name = identity;
  part.replaceChildren(el("button", { type: "button", onclick: () => load() }, "Show them"));
}

async function load() {
  const asked = name;
  const path = `/v1/identities/${encodeURIComponent(asked)}`;
  try {
    const [{ sessions }, { jobs, cut }] = await Promise.all([get(`${path}/sessions`), get(`${path}/jobs`)]);
    if (asked === name) show(sessions, jobs, cut);
  } catch (problem) {
    if (asked === name) part.replaceChildren(el("p", { class: "problem" }, problem.message));
  }
}

function show(sessions, jobs, cut) {
  const button = (one) => may("responder") ? el("button", { type: "button", onclick: () => revoke(one, load) }, "Revoke…") : "";
  const tokens = sessions.map((one) => [one.kind, time(one.since), time(one.until), one.bound_to, button(one)]);
  const rows = jobs.map((one) => [
    one.kind, el("code", { class: "small" }, one.id), one.objects.join(", "), time(one.since),
    one.kept_until ? el("span", {}, "deleted by its owner, kept until ", time(one.kept_until)) : "",
  ]);
  part.replaceChildren(
    tokens.length ? table(`Tokens of ${name}`, ["Token", "Since", "Until", "Works with", ""], tokens)
      : el("p", { class: "empty" }, "No token of Forcefield works for it."),
    el("p", {}),
    rows.length ? table(`Cursors and jobs of ${name}`, ["Kind", "Id at the org", "Objects", "Since", ""], rows)
      : el("p", { class: "empty" }, "It has no cursors and jobs."),
    cut ? el("p", { class: "quiet" }, "Older ones are left out.") : "",
    el("button", { type: "button", onclick: () => load() }, "Show them anew"));
}
