// Where the console begins: who it is for, which view is shown, and what keys do.

import { find, mark, say } from "./dom.js";
import { count } from "./format.js";
import { live, start, stop } from "./live.js";
import { ended, may, resume, session, signIn, signOut } from "./session.js";
import * as act from "./act.js";
import * as approvals from "./approvals.js";
import * as audit from "./audit.js";
import * as identities from "./identities.js";
import * as identity from "./identity.js";
import * as refusals from "./refusals.js";

const VIEWS = ["identities", "refusals", "open", "approvals", "audit"];
const SHOW = {
  identities: identities.show, identity: identity.show, refusals: refusals.showRefusals, open: refusals.showOpen,
  approvals: approvals.show,
};
const content = find("content");
const problem = find("sign-in-problem");
const token = find("token");
const help = find("help");
let view = "";
let touched = Date.now();

function showSignIn(why) {
  stop();
  live.identities.clear();
  live.refusals.length = 0;
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  find("console").hidden = true;
  find("sign-in").hidden = false;
  say(problem, why);
  token.value = "";
  token.focus();
}

function showConsole() {
  find("sign-in").hidden = true;
  find("console").hidden = false;
  say(problem, "");
  say(find("who"), session.responder);
  say(find("role"), session.role);
  start();
  route();
}

/** Shows the view that the address names. */
function route() {
  if (find("console").hidden) return;
  const [, wanted, detail] = location.hash.split("/");
  view = wanted === "identity" && detail ? "identity" : VIEWS.includes(wanted) ? wanted : "identities";
  for (const page of document.querySelectorAll("[data-page]")) page.hidden = page.dataset.page !== view;
  const of = view === "identity" ? "identities" : view;
  for (const link of document.querySelectorAll("[data-view]")) mark(link, "aria-current", link.dataset.view === of && "page");
  document.querySelector("[aria-current]").scrollIntoView({ block: "nearest", inline: "nearest" });
  if (view === "identity") identity.enter(decodeURIComponent(detail));
  if (view === "audit") audit.enter(detail);
  SHOW[view]?.(true);
  const title = document.querySelector(`[data-page="${view}"] h1`).textContent;
  document.title = `${title} · Forcefield`;
  scrollTo(0, 0);
  // What had the focus may be hidden now.
  if (!document.activeElement.checkVisibility() || document.activeElement === document.body) content.focus({ preventScroll: true });
}

async function begin(shown) {
  say(problem, "");
  try {
    await signIn(shown);
    token.value = "";
    showConsole();
    content.focus();
  } catch (wrong) {
    say(problem, wrong.message);
    token.select();
  }
}

function keys(event) {
  const typing = event.target.closest?.("input, select, textarea");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || find("console").hidden) return;
  if (document.querySelector("dialog[open]")) return;
  const page = document.querySelector(`[data-page="${view}"]`);
  const action = { t: "throttle", q: "quarantine", k: "kill", r: "restore", b: "break-glass" }[event.key];
  const on = view === "identity" ? identity.current() : view === "identities" ? identities.focused() : undefined;
  if (VIEWS[Number(event.key) - 1]) location.hash = `#/${VIEWS[Number(event.key) - 1]}`;
  else if (event.key === "/") page.querySelector("[data-filter]")?.focus();
  else if (event.key === "?") help.showModal();
  else if (action && on && may("responder")) act.open(on, action);
  else return;
  event.preventDefault();
}

/** Whoever uses the page uses the session, also where that asks the listener for nothing. */
function touch() {
  if (find("console").hidden || Date.now() - touched < TOUCH) return;
  touched = Date.now();
  resume().then((has) => has || showSignIn("Your session has ended. Sign in again."), () => {});
}

function showLink() {
  const texts = { waiting: "Connecting", live: "Live", lost: "Not live: what is shown is old" };
  mark(find("link"), "data-link", live.link);
  say(find("link-text"), texts[live.link]);
}

function setUp() {
  for (const part of [act, audit, identities, identity, refusals]) part.setUp();
  find("sign-in-form").addEventListener("submit", (event) => {
    event.preventDefault();
    begin(token.value);
  });
  find("sign-in-certificate").addEventListener("click", () => begin(null));
  find("sign-out").addEventListener("click", () => signOut().catch((wrong) => showSignIn(wrong.message)));
  find("help-open").addEventListener("click", () => help.showModal());
  find("help-close").addEventListener("click", () => help.close());
  ended.addEventListener("ended", (event) => showSignIn(event.detail));
  live.addEventListener("link", showLink);
  live.addEventListener("changed", () => {
    say(find("open-count"), live.open ? count(live.open) : "");
    say(find("approvals-count"), live.proposals.length ? count(live.proposals.length) : "");
    SHOW[view]?.();
  });
  // Many may come within a moment; the page is painted once.
  let due = false;
  live.addEventListener("refused", () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      if (view === "refusals" || view === "identity") SHOW[view]();
    });
  });
  addEventListener("hashchange", route);
  addEventListener("keydown", keys);
  for (const use of ["keydown", "pointerdown"]) addEventListener(use, touch);
}

/** How often using the page is told to the listener: each time leaves a record. */
const TOUCH = 5 * 60 * 1000;

setUp();
resume().then((has) => (has ? showConsole() : showSignIn("")), (wrong) => showSignIn(wrong.message));
