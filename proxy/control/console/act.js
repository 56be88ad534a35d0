// The one dialog by which anything is changed: what, why, for how long; and what came of it.

import { el, find, say } from "./dom.js";
import { time } from "./format.js";
import { live } from "./live.js";
import { may, post } from "./session.js";

/** What can be done to an integration. What widens may have to wait for a second person. */
export const ACTIONS = {
  throttle: { label: "Throttle…", least: "responder", class: "", says: "narrower limits; it goes on working, slowly" },
  quarantine: { label: "Quarantine…", least: "responder", class: "warning", says: "every request is refused; what is open goes on" },
  kill: { label: "Kill…", least: "responder", class: "danger", says: "refuse, cut what is open, revoke every token" },
  restore: { label: "Restore…", least: "responder", class: "", says: "lift everything that was put on it, or propose that" },
  "break-glass": { label: "Break glass…", least: "responder", class: "", says: "grant it more for a while, or propose that" },
  "break-glass/end": { label: "End break-glass…", least: "responder", class: "", says: "take back what was granted for a while" },
};

/** What can be done to a proposal. */
export const SETTLES = {
  approve: { label: "Approve…", least: "responder", class: "primary", says: "it is done at once" },
  withdraw: { label: "Withdraw…", least: "responder", class: "", says: "it is put aside" },
};

const dialog = find("act");
const form = find("act-form");
const kinds = find("act-kinds");
const submit = find("act-submit");
const outcome = find("act-outcome");
/** What is acted on: its name, where its actions are, and what they are. */
let subject = null;
let busy = false;

export function setUp() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  form.elements.confirm.addEventListener("input", follow);
  find("act-cancel").addEventListener("click", () => dialog.close());
}

export function open(identity, action = "quarantine") {
  const path = `/v1/identities/${encodeURIComponent(identity)}`;
  const granted = live.identities.get(identity)?.break_glass.length > 0;
  const kinds = Object.entries(ACTIONS).filter(([kind]) => granted || kind !== "break-glass/end");
  show({ name: identity, path, title: `Act on ${identity}`, kinds }, action);
}

/** Revokes one token that Forcefield handed out. */
export function revoke(token, done) {
  const kinds = [["revoke", { least: "responder", class: "danger", says: "it works no more, nor do those made from it; others of the integration do" }]];
  show({ name: token.identity, path: `/v1/sessions/${token.id}`, title: `Revoke a token of ${token.identity}`, kinds, what: "the token", done }, "revoke");
}

/** Approves or withdraws a proposal. */
export function settle(proposal, action) {
  const title = `${proposal.action} ${proposal.identity}, proposed by ${proposal.by}`;
  show({ name: proposal.identity, path: `/v1/proposals/${proposal.id}`, title, kinds: Object.entries(SETTLES) }, action);
}

function show(next, action) {
  const allowed = next.kinds.filter(([, what]) => may(what.least));
  if (dialog.open || !allowed.some(([kind]) => kind === action)) return;
  subject = next;
  kinds.replaceChildren(kinds.firstElementChild, ...allowed.map(radio));
  form.reset();
  kinds.querySelector(`[value="${action}"]`).checked = true;
  say(find("act-title"), subject.title);
  say(find("act-name"), subject.name);
  say(find("act-cancel"), "Cancel");
  outcome.replaceChildren();
  submit.hidden = false;
  form.classList.remove("told");
  follow();
  dialog.showModal();
  form.elements[{ throttle: "requests", "break-glass": "allow" }[action] ?? "reason"].focus();
}

function radio([action, what]) {
  return el("label", { class: "kind" },
    el("input", { type: "radio", name: "action", value: action, onchange: follow }),
    el("span", {}, el("b", {}, said(action)), el("span", { class: "quiet small" }, what.says)));
}

const chosen = () => kinds.querySelector(":checked").value;
const said = (action) => action.replace("break-glass/end", "end break-glass");

/** Shows what the chosen action asks for. */
function follow() {
  const action = chosen();
  for (const part of form.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(action);
  const lasting = form.elements.for;
  if (action === "break-glass" && !lasting.value) lasting.value = "1h";
  const word = said(action);
  say(submit, `${word[0].toUpperCase()}${word.slice(1)} ${subject.what ?? subject.name}`);
  submit.className = Object.fromEntries(subject.kinds)[action].class || "primary";
  submit.disabled = busy || (action === "kill" && form.elements.confirm.value.trim() !== subject.name);
}

async function send() {
  const { reason, requests, rows, allow, also, for: lasting } = form.elements;
  const action = chosen();
  const order = { reason: reason.value };
  if (LASTING.includes(action) && lasting.value) order.for = lasting.value;
  if (action === "break-glass") {
    if (allow.value.trim()) order.allow = allow.value;
    order.also = also.value.split("\n").map((line) => line.trim()).filter(Boolean);
  }
  if (action === "throttle") {
    if (requests.value) order.requests = `${requests.value}/${form.elements["requests-per"].value}`;
    if (rows.value) order.rows = `${rows.value}/${form.elements["rows-per"].value}`;
  }
  busy = true;
  follow();
  outcome.replaceChildren(el("p", { class: "quiet" }, "Being done…"));
  try {
    const answer = await post(`${subject.path}/${action}`, order);
    if (answer.needs) waits(answer);
    else told(answer);
    subject.done?.();
  } catch (problem) {
    const id = problem.decision ? ` (decision ${problem.decision})` : "";
    outcome.replaceChildren(el("p", { class: "problem" }, `Not done: ${problem.message}${id}`));
  } finally {
    busy = false;
    follow();
  }
}

function told(answer) {
  const list = (label, items, kind) => items.length > 0 &&
    el("div", { class: kind }, el("b", {}, label), el("ul", {}, items.map((item) => el("li", {}, item))));
  finish([
    list(answer.changed ? "Done" : "Nothing was left to do", answer.done, "done"),
    list("NOT DONE", answer.undone, "problem"),
    el("p", { class: "quiet small" }, "On record as ", el("code", {}, answer.decision)),
  ]);
}

/** It was proposed: nothing happens before somebody else approves it. */
function waits(proposal) {
  finish([
    el("p", {}, el("b", {}, "Proposed."), ` Nothing changes before somebody else approves it (role ${proposal.needs}), under `,
      el("a", { href: "#/approvals", onclick: () => dialog.close() }, "Approvals"), ". It ends by itself at ", time(proposal.until), "."),
    el("p", { class: "quiet small" }, "Proposal ", el("code", {}, proposal.id)),
  ]);
}

function finish(parts) {
  outcome.replaceChildren(...parts.filter(Boolean));
  submit.hidden = true;
  form.classList.add("told");
  const close = find("act-cancel");
  say(close, "Close");
  close.focus();
}

/** The actions that take a time. */
const LASTING = ["throttle", "quarantine", "kill", "break-glass"];
