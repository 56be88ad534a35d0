// Every integration in a row that stays where it is while its numbers change.

import { el, find, isBusy, mark, say } from "./dom.js";
import { ago, bytes, count, rate, severity, spent, state } from "./format.js";
import { bar, draw, fill, line } from "./chart.js";
import { live, pace } from "./live.js";
import { may } from "./session.js";
import { open as act } from "./act.js";

const body = find("identities-rows");
const filter = find("identities-filter");
const sort = find("identities-sort");
const rows = new Map();
/** The names in the order that is shown. It stands still while somebody points at it or has the focus in it. */
let order = [];

export function setUp() {
  filter.addEventListener("input", () => show(true));
  sort.addEventListener("change", () => show(true));
  body.addEventListener("keydown", walk);
}

export function show(anew = false) {
  if (anew || !isBusy(body) || isStale()) arrange();
  for (const name of order) rows.get(name).update(live.identities.get(name));
  const all = [...live.identities.values()];
  const stopped = all.filter((one) => severity(one) > 1).length;
  const throttled = all.filter((one) => severity(one) === 1).length;
  const parts = [`${count(all.length)} in all`];
  if (stopped) parts.push(`${count(stopped)} stopped`);
  if (throttled) parts.push(`${count(throttled)} throttled`);
  if (order.length < found().length) parts.push(`the first ${MOST} are shown; find narrows them`);
  say(find("identities-summary"), parts.join(", "));
  const none = find("identities-none");
  none.hidden = order.length > 0;
  say(none, all.length ? "No integration is called so." : "No integration is configured yet.");
}

/** The row that the focus is in, by its integration's name. */
export function focused() {
  return document.activeElement?.closest?.("tr[data-identity]")?.dataset.identity;
}

function isStale() {
  return order.some((name) => !live.identities.has(name)) || order.length !== Math.min(MOST, found().length);
}

function found() {
  const wanted = filter.value.trim().toLowerCase();
  const all = [...live.identities.values()];
  return wanted ? all.filter((one) => `${one.identity} ${one.owner} ${one.org}`.toLowerCase().includes(wanted)) : all;
}

const share = (one) => Math.max(spent(one.rows).share, spent(one.bytes).share);
const WEIGHTS = { state: severity, busy: (one) => pace(one.identity), budget: share, refused: (one) => one.refused };

function arrange() {
  const weight = WEIGHTS[sort.value] ?? (() => 0);
  const all = found().map((one) => [weight(one), one.identity]);
  all.sort((one, other) => other[0] - one[0] || one[1].localeCompare(other[1]));
  const next = all.slice(0, MOST).map(([, name]) => name);
  for (const name of rows.keys()) if (!live.identities.has(name)) rows.delete(name);
  for (const name of next) if (!rows.has(name)) rows.set(name, row(name));
  if (next.join("\n") !== order.join("\n")) body.replaceChildren(...next.map((name) => rows.get(name).node));
  order = next;
}

function row(name) {
  const owner = el("span", { class: "quiet small" });
  const pill = el("span", {});
  const requests = el("span", { class: "figure" });
  const picture = line();
  const [ofRows, ofBytes] = [gauge(count), gauge(bytes)];
  const refused = el("span", { class: "figure" });
  const last = el("span", { class: "quiet small" });
  const cell = (label, ...children) => el("td", { role: "cell", "data-label": label }, ...children);
  const button = may("responder") &&
    el("button", { type: "button", "aria-label": `Act on ${name}`, onclick: () => act(name) }, "Act…");
  const node = el("tr", { role: "row", "data-identity": name },
    el("th", { role: "rowheader", scope: "row" },
      el("a", { href: `#/identity/${encodeURIComponent(name)}` }, name), owner),
    cell("State", pill),
    cell("Requests/s", el("span", { class: "pair" }, requests, picture)),
    cell("Rows", ofRows.node), cell("Bytes", ofBytes.node),
    cell("Refused", refused, last),
    cell("", button));
  const update = (one) => {
    say(owner, `${one.owner} · ${one.org}`);
    badge(pill, one);
    say(requests, rate(pace(name)));
    draw(picture, live.history.get(name) ?? []);
    ofRows.update(one.rows);
    ofBytes.update(one.bytes);
    say(refused, count(one.refused));
    say(last, one.last_refusal ? `${one.last_refusal.rule}, ${ago(one.last_refusal.at, live.at)}` : "");
  };
  return { node, update };
}

/** What is spent of a budget: numbers, and a bar. */
export function gauge(unit) {
  const used = el("span", { class: "figure" });
  const of = el("span", { class: "quiet small" });
  const picture = bar();
  const node = el("div", { class: "gauge" }, el("span", {}, used, of), picture);
  const update = (what) => {
    const { used: number, share: part, budget } = spent(what);
    say(used, unit(number));
    say(of, budget ? `of ${unit(budget.amount)} per ${budget.window}` : "today, no budget");
    mark(picture, "hidden", !budget);
    fill(picture, part);
  };
  return { node, update };
}

/** The state in a word and a colour, and the mode where it is not the usual one. */
export function badge(node, one) {
  const now = state(one);
  mark(node, "class", `pill ${now}`);
  say(node, one.mode === "enforce" ? now : `${now}, ${one.mode} only`);
}

/** Up and down go from row to row. */
function walk(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const here = event.target.closest("tr");
  if (!step || !here) return;
  const next = step > 0 ? here.nextElementSibling : here.previousElementSibling;
  next?.querySelector("a")?.focus();
  event.preventDefault();
}

/** Rows shown at one time. */
const MOST = 200;
