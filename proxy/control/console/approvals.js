// What was proposed and waits for a second person: what it would do, who asked for it, why.

import { el, find } from "./dom.js";
import { grant, time } from "./format.js";
import { live } from "./live.js";
import { may, session } from "./session.js";
import { SETTLES, settle } from "./act.js";

const list = find("approvals-list");
let drawn = null;

export function show(anew = false) {
  const key = JSON.stringify(live.proposals);
  if (!anew && key === drawn) return;
  drawn = key;
  list.replaceChildren(...(live.proposals.length ? live.proposals.map(card) : [el("p", { class: "empty" }, "Nothing waits.")]));
  if (document.activeElement === document.body) find("content").focus({ preventScroll: true });
}

function card(one) {
  const mine = one.by === session.responder;
  const button = ([action, what]) => may(what.least) && !(mine && action === "approve") &&
    el("button", { type: "button", class: what.class, onclick: () => settle(one, action),
      "aria-label": `${what.label} ${one.action} ${one.identity}` }, what.label);
  return el("article", { class: "card" },
    el("div", { class: "head" },
      el("h2", {}, `${one.action} `, el("a", { href: `#/identity/${encodeURIComponent(one.identity)}` }, one.identity)),
      el("span", { class: "fill" }),
      Object.entries(SETTLES).map(button)),
    one.grant && el("p", {}, "Would grant ", grant(one.grant), ` for ${lasting(one.grant.seconds)}`),
    el("p", {}, one.reason),
    el("p", { class: "quiet" }, mine ? "You proposed it" : `Proposed by ${one.by}`, ", ", time(one.since),
      mine ? "; somebody else must approve it" : "", `; it takes the role ${one.needs}; it ends by itself at `, time(one.until)));
}

function lasting(seconds) {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const [unit, size] = units.find(([, size]) => seconds % size === 0);
  return `${seconds / size} ${unit}`;
}
