// Pictures: a bar, a line of the last minute, a day in columns. All of it SVG made here.

import { el, svg, mark, table } from "./dom.js";
import { count } from "./format.js";

/** How far something is spent, to be changed with `fill`. */
export function bar() {
  const used = svg("rect", { height: 6, width: 0, rx: 3 });
  return svg("svg", { class: "bar", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "whole", width: 100, height: 6, rx: 3 }), used);
}

export function fill(picture, share) {
  const used = picture.lastChild;
  mark(used, "width", (share * 100).toFixed(1));
  mark(used, "class", share >= 0.95 ? "used spent" : share >= 0.75 ? "used close" : "used");
}

/** The last minute, to be changed with `draw`. */
export function line() {
  return svg("svg", { class: "line", viewBox: "0 0 60 18", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("polyline", { points: "" }));
}

export function draw(picture, values) {
  const most = Math.max(1, ...values);
  const from = 60 - values.length;
  const points = values.map((value, at) => `${from + at},${(17 - (value / most) * 15).toFixed(1)}`);
  mark(picture.firstChild, "points", points.join(" "));
}

/** A day: columns of `day.minutes` minutes, one colour a series, and ticks where something was refused. */
export function columns(day, series, width) {
  const shown = series.slice(0, COLOURS);
  const rest = series.slice(COLOURS);
  const all = rest.length ? [...shown, together(rest)] : shown;
  const slots = day.refused.length;
  const totals = Array.from({ length: slots }, (_, at) => all.reduce((sum, one) => sum + one.rows[at], 0));
  const most = nice(Math.max(1, ...totals));
  const step = (width - LEFT) / slots;
  const up = (rows) => (rows / most) * HIGH;
  const parts = [];
  for (const share of [0.25, 0.5, 0.75, 1]) {
    const y = TOP + HIGH - share * HIGH;
    parts.push(svg("line", { class: "grid", x1: LEFT, x2: width, y1: y, y2: y }));
    parts.push(svg("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, short(most * share)));
  }
  for (let at = 0; at < slots; at += 1) {
    let y = TOP + HIGH;
    const x = (LEFT + at * step + 0.5).toFixed(1);
    const wide = Math.max(1, step - 1).toFixed(1);
    all.forEach((one, number) => {
      if (!one.rows[at]) return;
      const high = Math.max(1, up(one.rows[at]));
      y -= high;
      const title = `${hour(at, day.minutes)} UTC, ${one.name}: ${count(one.rows[at])} rows`;
      parts.push(svg("rect", { class: `series s${number}`, x, width: wide, y: y.toFixed(1), height: high.toFixed(1) },
        svg("title", {}, title)));
    });
    if (day.refused[at]) {
      const title = `${hour(at, day.minutes)} UTC: ${count(day.refused[at])} refused`;
      parts.push(svg("rect", { class: "refusals", x, width: wide, y: TOP + HIGH + 3, height: 5 }, svg("title", {}, title)));
    }
  }
  const hours = width < 520 ? 6 : 3;
  for (let at = 0; at <= 24; at += hours) {
    const x = LEFT + ((width - LEFT) * at) / 24;
    const anchor = at === 24 ? "end" : at === 0 ? "start" : "middle";
    parts.push(svg("text", { x, y: TOP + HIGH + 24, "text-anchor": anchor }, `${String(at).padStart(2, "0")}:00`));
  }
  parts.push(svg("line", { class: "axis", x1: LEFT, x2: width, y1: TOP + HIGH, y2: TOP + HIGH }));
  const high = TOP + HIGH + 30;
  const label = `Rows in steps of ${day.minutes} minutes; the table below has the same numbers`;
  return el("figure", { class: "day" },
    svg("svg", { viewBox: `0 0 ${width} ${high}`, width, height: high, role: "img", "aria-label": label }, parts),
    el("figcaption", {}, all.map((one, number) =>
      el("span", { class: "key" }, svg("svg", { viewBox: "0 0 10 10", width: 10, height: 10, "aria-hidden": "true" },
        svg("rect", { class: `series s${number}`, width: 10, height: 10, rx: 2 })),
      `${one.name} `, el("b", {}, count(sum(one.rows))))),
      day.refused.some(Boolean) && el("span", { class: "key" },
        svg("svg", { viewBox: "0 0 10 10", width: 10, height: 10, "aria-hidden": "true" },
          svg("rect", { class: "refusals", y: 3, width: 10, height: 5 })),
        "refused ", el("b", {}, count(sum(day.refused))))),
    el("details", {}, el("summary", {}, "The numbers as a table"),
      table("Rows over the day", ["From (UTC)", ...all.map((one) => one.name), "Refused"], lines(day, all, totals))));
}

function lines(day, all, totals) {
  const busy = totals.map((total, at) => (total || day.refused[at] ? at : -1)).filter((at) => at >= 0);
  return busy.map((at) => [hour(at, day.minutes), ...all.map((one) => count(one.rows[at])), count(day.refused[at])]);
}

function together(rest) {
  return { name: `${rest.length} more`, rows: rest[0].rows.map((_, at) => rest.reduce((all, one) => all + one.rows[at], 0)) };
}

const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);

function hour(slot, minutes) {
  const at = slot * minutes;
  return `${String(Math.floor(at / 60)).padStart(2, "0")}:${String(at % 60).padStart(2, "0")}`;
}

function nice(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 4, 5, 8, 10].map((step) => step * power).find((step) => step >= most);
}

const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const short = (number) => compact.format(number);

const COLOURS = 7;
const LEFT = 46;
const TOP = 10;
const HIGH = 170;
