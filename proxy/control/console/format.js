// Numbers, times and states as people read them.

import { el } from "./dom.js";

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const dated = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

export const count = (number) => whole.format(number);
export const rate = (number) => (number < 10 ? tenth : whole).format(number);

export function bytes(number) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (number >= 1024 && unit < units.length - 1) {
    number /= 1024;
    unit += 1;
  }
  return `${(number < 10 && unit > 0 ? tenth : whole).format(number)} ${units[unit]}`;
}

/** A moment in local time; its title says it in UTC. */
export function time(text, now = Date.now()) {
  const at = new Date(text);
  const near = Math.abs(now - at.getTime()) < 12 * 3600 * 1000;
  const utc = `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
  return el("time", { datetime: text, title: utc }, (near ? clock : dated).format(at));
}

/** How long ago, in one unit. */
export function ago(text, now) {
  const seconds = Math.max(0, Math.round((now - new Date(text).getTime()) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} days ago`;
}

/** How far a budget is spent. */
export function spent(of) {
  if (!of.budget) return { used: of.day, share: 0, budget: null };
  const used = of.budget.window === "hour" ? of.hour : of.day;
  return { used, share: Math.min(1, used / of.budget.amount), budget: of.budget };
}

const STATES = ["open", "throttled", "quarantined", "killed"];
const OF_ACTION = { throttle: 1, quarantine: 2, kill: 3 };

/** `open`, `throttled`, `quarantined` or `killed`: what the narrowest restraint makes of an integration. */
export function state(identity) {
  return STATES[severity(identity)];
}

export function severity(identity) {
  return Math.max(0, ...identity.restraints.map((restraint) => OF_ACTION[restraint.action] ?? 0));
}

/** A restraint in a line: what, by whom, why. */
export function restraint(one) {
  const limits = [one.requests && `${one.requests} requests`, one.rows && `${one.rows} rows`].filter(Boolean);
  return el("span", {},
    el("strong", {}, one.action), limits.length ? ` to ${limits.join(" and ")}` : "",
    ` by ${one.by}, since `, time(one.since), one.until ? [", until ", time(one.until)] : ", until it is lifted",
    `: ${one.reason}`);
}

/** A break-glass grant in a line: what, by whom, why. */
export function granted(one) {
  return el("span", {},
    el("strong", {}, "break-glass"), ": ", grant(one), ` by ${one.by}`, one.approved_by ? `, approved by ${one.approved_by}` : "",
    ", since ", time(one.since), ", until ", time(one.until), `: ${one.reason}`);
}

/** What a grant grants, as it was written. */
export function grant(one) {
  return el("code", {}, [one.allow, ...one.also].filter(Boolean).join("; "));
}
