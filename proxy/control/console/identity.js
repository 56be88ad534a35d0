// One integration: what holds on it, what it spends, its day, what it was refused, what it has open.

import { el, find, isBusy, say } from "./dom.js";
import { bytes, count, granted, rate, restraint, time } from "./format.js";
import { columns } from "./chart.js";
import { live, pace } from "./live.js";
import { get, may } from "./session.js";
import { badge, gauge } from "./identities.js";
import { refusals, streams } from "./refusals.js";
import { enter as held } from "./held.js";
import { ACTIONS, open as act } from "./act.js";

const by = find("day-by");
const date = find("day-date");
const picture = find("day");
let name = null;
let day = null;
let numbers = null;
const drawn = new Map();

export function setUp() {
  by.addEventListener("change", paint);
  date.addEventListener("change", () => load());
  new ResizeObserver(() => paint()).observe(picture);
}

export const current = () => name;

export function enter(identity) {
  name = identity;
  day = null;
  drawn.clear();
  for (const part of ["identity-refusals", "identity-open", "day"]) find(part).replaceChildren();
  say(find("identity-title"), name);
  const figure = () => el("span", { class: "figure" });
  numbers = { rows: gauge(count), bytes: gauge(bytes), calls: gauge(count), pace: figure(), under: figure(), refused: figure() };
  const pair = (label, node) => el("div", {}, el("dt", {}, label), el("dd", {}, node));
  find("identity-numbers").replaceChildren(
    pair("Rows", numbers.rows.node), pair("Bytes", numbers.bytes.node), pair("API calls of the org", numbers.calls.node),
    pair("Requests per second", numbers.pace), pair("Under way", numbers.under), pair("Refused", numbers.refused));
  const button = ([action, what]) => may(what.least) && action !== "break-glass/end" &&
    el("button", { type: "button", class: what.class, onclick: () => act(name, action) }, what.label);
  find("identity-actions").replaceChildren(...Object.entries(ACTIONS).map(button).filter(Boolean));
  if (!date.value) date.value = new Date().toISOString().slice(0, 10);
  held(name);
  load();
  show();
}

export function show() {
  const one = live.identities.get(name);
  if (!one) {
    say(find("identity-about"), live.at ? "There is no such integration." : "");
    return;
  }
  badge(find("identity-state"), one);
  say(find("identity-about"), `${one.org}, answered for by ${one.owner}, mode ${one.mode}`);
  once("identity-restraints", JSON.stringify([one.restraints, one.break_glass]), () =>
    el("ul", { class: "restraints", "aria-label": "In force" },
      one.restraints.map((each) => el("li", { class: each.action }, restraint(each))),
      one.break_glass.map((each) => el("li", { class: "granted" }, granted(each)))));
  numbers.rows.update(one.rows);
  numbers.bytes.update(one.bytes);
  numbers.calls.update(one.calls);
  say(numbers.pace, rate(pace(name)));
  say(numbers.under, count(one.in_flight));
  say(numbers.refused, `${count(one.refused)} of ${count(one.exchanges)}`);
  const mine = live.refusals.filter((each) => each.identity === name).slice(0, 20);
  once("identity-refusals", mine.map((each) => each.decision).join(), () => mine.length
    ? refusals(mine, name) : el("p", { class: "empty" }, "None."));
  const open = live.streams.filter((each) => each.identity === name);
  once("identity-open", JSON.stringify(open), () => open.length
    ? streams(open, name) : el("p", { class: "empty" }, "Nothing."));
}

/** Draws a part anew only when what it shows has changed; a table, only while nobody is busy with it. */
function once(id, key, make) {
  if (drawn.get(id) === key || (find(id).querySelector("table") && isBusy(find(id)))) return;
  drawn.set(id, key);
  find(id).replaceChildren(make());
}

function finding(one) {
  return el("li", { class: one.level === "record" ? "granted" : one.level },
    time(one.at, live.at), " ", el("strong", {}, one.rule), ` (${one.level}): ${one.text}`);
}

async function load() {
  const asked = name;
  try {
    const told = await get(`/v1/identities/${encodeURIComponent(asked)}/day?date=${date.value}`);
    if (asked === name) day = told;
  } catch (problem) {
    if (asked !== name) return;
    day = null;
    picture.replaceChildren(el("p", { class: "problem" }, problem.message));
    return;
  }
  paint();
}

function paint() {
  const width = Math.floor(picture.clientWidth);
  if (!day || width < 100) return;
  const series = by.value === "doors" ? day.doors : day.objects;
  const nothing = !day.rows && !day.refused.some(Boolean);
  const parts = [`${count(day.exchanges)} exchanges, ${count(day.rows)} rows, ${bytes(day.bytes)}`];
  if (day.cut) parts.push("only the first part of the day: it was too long to be read whole");
  picture.replaceChildren(
    el("p", { class: "quiet" }, parts.join("; ")),
    day.findings.length ? el("ul", { class: "restraints", "aria-label": "What signals found" }, day.findings.map(finding)) : "",
    nothing ? el("p", { class: "empty" }, "Nothing was read or refused on this day.") : columns(day, series, width));
}
