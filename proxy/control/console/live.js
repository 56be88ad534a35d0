// What happens, as it happens: the events of the listener, kept for the views.

import { resume, ended } from "./session.js";

/** What is known. `changed` is told of every tick, `refused` of every refusal, `link` of the connection. */
export const live = Object.assign(new EventTarget(), {
  identities: new Map(),
  /** By integration: requests of each of the last seconds, oldest first. */
  history: new Map(),
  /** Newest first. */
  refusals: [],
  missed: 0,
  streams: [],
  proposals: [],
  open: 0,
  at: 0,
  link: "waiting",
});

let source = null;
let heard = 0;
let watch = null;
let again = null;

export function start() {
  stop();
  heard = Date.now();
  source = new EventSource("/v1/events");
  source.addEventListener("status", (event) => tick(JSON.parse(event.data)));
  source.addEventListener("refusal", (event) => refused(JSON.parse(event.data)));
  source.addEventListener("end", () => gone());
  source.addEventListener("error", () => {
    link("lost");
    // The browser comes back by itself, unless it was answered that it may not.
    if (source?.readyState === EventSource.CLOSED) gone();
  });
  watch = setInterval(() => Date.now() - heard > STALE && link("lost"), 1000);
}

export function stop() {
  source?.close();
  source = null;
  clearInterval(watch);
  clearTimeout(again);
}

/** The stream has ended for good: is the session over, or the listener busy? */
async function gone() {
  stop();
  link("lost");
  const lives = await resume().catch(() => true);
  if (lives) again = setTimeout(start, 3000);
  else ended.dispatchEvent(new CustomEvent("ended", { detail: "Your session has ended. Sign in again." }));
}

function tick(told) {
  const at = Date.parse(told.at);
  const seconds = live.at ? Math.max(0.5, (at - live.at) / 1000) : 0;
  if (told.all) {
    const names = new Set(told.identities.map((one) => one.identity));
    for (const name of live.identities.keys()) if (!names.has(name)) forget(name);
  }
  told.gone.forEach(forget);
  const before = new Map();
  for (const one of told.identities) {
    before.set(one.identity, live.identities.get(one.identity));
    live.identities.set(one.identity, one);
  }
  for (const [name, one] of live.identities) {
    const was = before.get(name);
    const more = was && seconds ? Math.max(0, one.exchanges - was.exchanges) / seconds : 0;
    const history = live.history.get(name) ?? [];
    history.push(more);
    if (history.length > SECONDS) history.shift();
    live.history.set(name, history);
  }
  Object.assign(live, { at, streams: told.streams, open: told.open, proposals: told.proposals, missed: live.missed + told.missed });
  heard = Date.now();
  link("live");
  live.dispatchEvent(new Event("changed"));
}

function refused(one) {
  live.refusals.unshift(one);
  if (live.refusals.length > KEPT) live.refusals.length = KEPT;
  live.dispatchEvent(new CustomEvent("refused", { detail: one }));
}

function forget(name) {
  live.identities.delete(name);
  live.history.delete(name);
}

function link(state) {
  if (live.link === state) return;
  live.link = state;
  live.dispatchEvent(new Event("link"));
}

/** Requests per second now: of the last three seconds, so that it does not flicker. */
export function pace(name) {
  const last = (live.history.get(name) ?? []).slice(-3);
  return last.length ? last.reduce((sum, one) => sum + one, 0) / last.length : 0;
}

/** Seconds of history, refusals kept, and after how long without a word the page is no longer live. */
const SECONDS = 60;
const KEPT = 500;
const STALE = 5000;
