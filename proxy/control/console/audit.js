// Asking the record, newest first, page by page.

import { el, find, table } from "./dom.js";
import { bytes, count, time } from "./format.js";
import { live } from "./live.js";
import { get } from "./session.js";

const form = find("audit-form");
const result = find("audit-result");
let asked = null;
let records = [];

export function setUp() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
}

/** Searches for one decision, or at first for everything that there is. */
export function enter(decision) {
  if (decision) {
    form.reset();
    form.elements.decision.value = decision;
  }
  if (decision || !asked) search();
}

async function search() {
  const fields = new FormData(form);
  asked = new URLSearchParams();
  for (const name of ["identity", "object", "decision", "outcome"]) if (fields.get(name)) asked.set(name, fields.get(name).trim());
  for (const name of ["from", "until"]) if (fields.get(name)) asked.set(name, new Date(fields.get(name)).toISOString());
  records = [];
  const answer = await ask(asked, asked);
  if (answer) show(answer.summary, answer.cut);
}

/** The page before: up to the oldest record shown, which may share its millisecond with others. */
async function older(summary) {
  const of = asked;
  const next = new URLSearchParams(of);
  const before = records.length;
  const oldest = Date.parse(records.at(-1).time);
  next.set("until", new Date(oldest + 1).toISOString());
  let answer = await ask(next, of);
  if (answer && records.length === before) {
    next.set("until", new Date(oldest).toISOString());
    answer = await ask(next, of);
  }
  if (answer) show(summary, answer.cut);
}

/** Asks for a page of a search. What comes after another search has begun is nobody's any more. */
async function ask(parameters, of) {
  const page = new URLSearchParams(parameters);
  page.set("limit", PAGE);
  try {
    const answer = await get(`/v1/audit?${page}`);
    if (of !== asked) return null;
    const known = new Set(records.map((one) => one.decision));
    records.push(...answer.records.reverse().filter((one) => !known.has(one.decision)));
    return answer;
  } catch (problem) {
    if (of === asked) result.replaceChildren(el("p", { class: "problem" }, problem.message));
    return null;
  }
}

function show(summary, more) {
  if (!records.length) {
    result.replaceChildren(el("p", { class: "empty" }, "The record has nothing of that kind."));
    return;
  }
  const outcomes = Object.entries(summary.outcomes).map(([name, number]) => `${count(number)} ${name}`);
  const objects = Object.keys(summary.objects);
  const heads = ["Time", "Who", "Door", "Did", "Objects", "Rows", "Bytes", "Outcome", "From", "Decision"];
  result.replaceChildren(
    el("p", {}, el("b", {}, `${count(summary.exchanges)} exchanges`), `: ${outcomes.join(", ")}; ${count(summary.rows)} rows, ${bytes(summary.bytes)}`,
      objects.length ? `; objects: ${objects.slice(0, 12).join(", ")}${objects.length > 12 ? ", …" : ""}` : ""),
    table("Records", heads, records.map(cells)),
    more ? el("button", { type: "button", onclick: () => older(summary) }, "Older") : "");
}

function cells(one) {
  const objects = one.objects.map(([name, fields]) =>
    el("span", { title: fields.join(", ") }, fields.length ? `${name} (${fields.length} fields)` : name));
  return [
    time(one.time, live.at || undefined), one.identity, one.door, one.operation,
    el("span", { class: "list" }, objects), count(one.rows), bytes(one.bytes),
    el("span", { title: one.reason ?? "" },
      el("span", { class: `tag ${one.outcome}` }, `${one.outcome} ${one.status}`),
      one.reason ? el("span", { class: "why quiet small" }, one.reason) : ""),
    one.source, el("code", { class: "small" }, one.decision),
  ];
}

/** Records of one page. */
const PAGE = 100;
