// Refusals as they come, and what is open: lists of what is short-lived.

import { el, find, isBusy, say, table } from "./dom.js";
import { bytes, count, time } from "./format.js";
import { live } from "./live.js";

const hold = find("refusals-hold");
const refusalsFilter = find("refusals-filter");
const openFilter = find("open-filter");
const refusalsList = find("refusals-list");
const openList = find("open-list");
let held = null;

export function setUp() {
  refusalsFilter.addEventListener("input", () => showRefusals(true));
  openFilter.addEventListener("input", () => showOpen(true));
  hold.addEventListener("click", () => {
    held = held ? null : [...live.refusals];
    hold.setAttribute("aria-pressed", String(Boolean(held)));
    say(hold, held ? "Go on" : "Hold still");
    showRefusals(true);
  });
}

export function showRefusals(anew = false) {
  const still = !anew && isBusy(refusalsList);
  const wanted = refusalsFilter.value.trim().toLowerCase();
  const all = held ?? live.refusals;
  const fits = (one) => `${one.identity ?? "unknown"} ${one.rule} ${one.reason} ${one.source} ${one.objects} ${one.path}`
    .toLowerCase().includes(wanted);
  const found = wanted ? all.filter(fits) : all;
  const parts = [held || still ? "held still" : `${count(all.length)} since this page was opened`];
  if (wanted) parts.push(`${count(found.length)} fit`);
  if (live.missed) parts.push(`${count(live.missed)} more came too fast to be shown; the record has them`);
  say(find("refusals-summary"), parts.join(", "));
  if (still) return;
  const list = found.length
    ? refusals(found.slice(0, SHOWN))
    : el("p", { class: "empty" }, wanted ? "None of them fits." : "Nothing has been refused since this page was opened.");
  refusalsList.replaceChildren(list);
}

/** Refusals in a table. */
export function refusals(some, of) {
  const heads = ["Time", of ? null : "Integration", "Rule", "Why", "Asked for", "From", "Decision"];
  const cells = (one) => [
    time(one.at, live.at),
    of ? null : who(one.identity),
    el("span", { class: "tag" }, one.outcome === "cut" ? `cut: ${one.rule}` : one.rule),
    el("span", { class: "why" }, one.reason),
    el("span", {}, el("b", {}, one.method), ` ${one.path}`),
    one.source,
    el("code", { class: "small" }, el("a", { href: `#/audit/${one.decision}` }, one.decision)),
  ].filter((cell) => cell !== null);
  return table(of ? `Refusals of ${of}` : "Refusals", heads.filter((head) => head !== null), some.map(cells));
}

export function showOpen(anew = false) {
  const wanted = openFilter.value.trim().toLowerCase();
  const fits = (one) => `${one.identity} ${one.door} ${one.objects} ${one.source}`.toLowerCase().includes(wanted);
  const found = live.streams.filter(fits);
  const left = live.open - live.streams.length;
  say(find("open-summary"), left > 0 ? `the oldest of ${count(live.open)}` : count(live.open));
  if (!anew && isBusy(openList)) return;
  const list = found.length ? streams(found) : el("p", { class: "empty" }, "Nothing is open at the moment.");
  openList.replaceChildren(list);
}

/** Exchanges under way in a table. */
export function streams(some, of) {
  const heads = ["Since", of ? null : "Integration", "Door", "Objects", "Rows", "Bytes", "To", "Decision"];
  const cells = (one) => [
    time(one.since, live.at),
    of ? null : who(one.identity),
    one.door, one.objects.join(", "), count(one.rows), bytes(one.bytes), one.source,
    el("code", { class: "small" }, one.decision),
  ].filter((cell) => cell !== null);
  return table(of ? `Open exchanges of ${of}` : "Open exchanges", heads.filter((head) => head !== null), some.map(cells));
}

function who(name) {
  return name ? el("a", { href: `#/identity/${encodeURIComponent(name)}` }, name) : el("span", { class: "quiet" }, "unknown");
}

/** Rows shown at one time. */
const SHOWN = 200;
