// A responder is signed in, and opens a page of another site, which tries everything that a page can try.
//   node stranger.mjs URL CERTIFICATE KEY TOKEN
// One such page is of another site altogether; the other only has another port, so that the browser sends it every cookie.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { Browser } from "./browser.mjs";

const [, , url, certificate, key, token] = process.argv;

const listening = (server) => new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
const serve = (_, answer) => answer.setHeader("content-type", "text/html").end("<!doctype html><title>Win a prize</title>");
const far = http.createServer(serve);
const near = https.createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, serve);
const pages = [`http://127.0.0.1:${await listening(far)}/`, `https://localhost:${await listening(near)}/`];

const attempts = `(async () => {
  const kill = ${JSON.stringify(url)} + "/v1/identities/nightly/kill";
  const body = JSON.stringify({ reason: "you have won a prize" });
  const tried = {};
  const attempt = async (name, made) => { tried[name] = await made().then((what) => what, () => "blocked"); };
  const status = (answer) => answer.type === "opaque" ? "opaque" : answer.status;
  const sent = (options) => () => fetch(kill, { method: "POST", credentials: "include", body, ...options }).then(status);
  await attempt("simple", sent({ mode: "no-cors", headers: { "content-type": "text/plain" } }));
  await attempt("json", sent({ headers: { "content-type": "application/json" } }));
  await attempt("guarded", sent({ headers: { "content-type": "application/json", "x-forcefield-guard": "0".repeat(64) } }));
  await attempt("read", () => fetch(${JSON.stringify(url)} + "/v1/status", { credentials: "include" }).then(status));
  await attempt("session", () => fetch(${JSON.stringify(url)} + "/console/session", { credentials: "include" }).then(status));
  await attempt("sign-in", () => fetch(${JSON.stringify(url)} + "/console/session", { method: "POST", mode: "no-cors", credentials: "include",
    headers: { "content-type": "text/plain" }, body: "{}" }).then(status));
  await attempt("events", () => new Promise((resolve) => {
    const source = new EventSource(${JSON.stringify(url)} + "/v1/events", { withCredentials: true });
    source.onopen = () => resolve("open");
    source.onerror = () => { source.close(); resolve("blocked"); };
  }));
  await attempt("beacon", async () => String(navigator.sendBeacon(kill, body)));
  await attempt("form", () => new Promise((resolve) => {
    const frame = Object.assign(document.createElement("iframe"), { name: "hidden" });
    const form = Object.assign(document.createElement("form"), { action: kill, method: "post", enctype: "text/plain", target: "hidden" });
    form.append(Object.assign(document.createElement("input"), { name: '{"reason":"you have won', value: ' a prize"}' }));
    document.body.append(frame, form);
    frame.onload = () => frame.contentWindow.length === 0 && resolve("sent");
    form.submit();
  }));
  await attempt("frame", () => new Promise((resolve) => {
    const frame = Object.assign(document.createElement("iframe"), { src: ${JSON.stringify(url)} });
    frame.onload = () => { try { resolve(frame.contentDocument ? "empty" : "refused"); } catch { resolve("refused"); } };
    document.body.append(frame);
  }));
  return tried;
})()`;

const browser = await Browser.start(certificate);
try {
  const page = await browser.page();
  await page.goto(url);
  await page.until("document.activeElement.id === 'token'");
  await page.type(token);
  await page.press("Enter");
  await page.until("document.getElementById('link-text').innerText === 'Live'");
  for (const stranger of pages) {
    const tab = await browser.tab(page.profile);
    await tab.goto(stranger);
    const tried = await tab.value(attempts);
    for (const name of ["json", "guarded", "read", "session", "events"]) assert.equal(tried[name], "blocked", `${stranger}: ${name}`);
  }
  // The responder's own page goes on as if nothing had happened.
  assert.equal(await page.value("fetch('/v1/status').then((answer) => answer.status)"), 200);
  assert.equal(await page.value("document.querySelector('tr[data-identity=\"nightly\"] .pill').innerText"), "open");
  console.log(JSON.stringify({ done: true }));
} finally {
  await browser.end();
  far.close();
  near.close();
}
