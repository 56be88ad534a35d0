// A responder at the console, by mouse and by keyboard: what they see, what they do, and what a viewer cannot.
//   node responder.mjs URL CERTIFICATE VIEWER-TOKEN RESPONDER-TOKEN ADMIN-TOKEN

import assert from "node:assert/strict";
import { Browser } from "./browser.mjs";

const [, , url, certificate, viewer, responder, admin] = process.argv;

const shown = (selector) => `document.querySelector(${JSON.stringify(selector)})?.checkVisibility()`;
const text = (selector) => `document.querySelector(${JSON.stringify(selector)}).innerText`;
const signIn = async (page, token) => {
  await page.goto(url);
  await page.until("document.activeElement.id === 'token'");
  await page.type(token);
  await page.press("Enter");
  await page.until(shown("#identities-rows tr"));
};
/** From the list to the page of one integration. */
const opens = async (page, name) => {
  await page.click(`tr[data-identity="${name}"] a`);
  await page.until(`${shown('[data-page="identity"]')} && ${text("#identity-title")} === "${name}"`);
};

async function looks(page) {
  await page.goto(url);
  await page.until(shown("#sign-in"));
  await page.picture("sign-in");
  await page.type("not-the-token-of-anybody-at-all");
  await page.press("Enter");
  await page.until(`${text("#sign-in-problem")}.includes("no responder's token")`);
  assert.equal(await page.value(shown("#console")), false);
  await signIn(page, responder);
  assert.equal(await page.value("document.cookie"), "", "scripts cannot read the cookie");
  await page.until(`${text("#link-text")} === "Live"`);
  await page.until(`${text("#identities-rows")}.includes("nightly")`);
  // Traffic goes on: the rates move, and refusals come by themselves.
  await page.until(`Number(${text('tr[data-identity="drift"] .pair .figure')}) > 0`);
  await page.until("document.querySelector('tr[data-identity=\"drift\"] polyline').getAttribute('points').split(' ').length > 5");
  await page.picture("integrations");
  await page.press("2");
  await page.until(`${text("#refusals-list")}.includes("SSN__c")`);
  const before = await page.value("document.querySelectorAll('#refusals-list tbody tr').length");
  await page.until(`document.querySelectorAll('#refusals-list tbody tr').length > ${before}`);
  await page.press("/");
  await page.type("no such thing");
  await page.until(`${text("#refusals-list")}.includes("None of them fits")`);
  await page.value("(document.getElementById('refusals-filter').value = '', document.getElementById('refusals-filter').dispatchEvent(new Event('input')))");
  await page.picture("refusals");
}

async function acts(page) {
  await page.click('nav a[data-view="identities"]');
  await page.click('tr[data-identity="drift"] button');
  await page.until(shown("#act"));
  await page.click('#act input[value="throttle"]');
  await page.click('#act input[name="requests"]');
  await page.type("1000");
  await page.click('#act input[name="reason"]');
  await page.type("odd hours");
  await page.picture("throttle");
  await page.click("#act-submit");
  await page.until(`${text("#act-outcome")}.includes("it holds from now on")`);
  await page.click("#act-cancel");
  await page.until(`${text('tr[data-identity="drift"] .pill')} === "throttled"`);

  // A kill wants the name, whole.
  await page.click('tr[data-identity="drift"] button');
  await page.click('#act input[value="kill"]');
  await page.click('#act input[name="reason"]');
  await page.type("vendor breached");
  assert.equal(await page.value("document.getElementById('act-submit').disabled"), true);
  await page.click('#act input[name="confirm"]');
  await page.type("drif");
  assert.equal(await page.value("document.getElementById('act-submit').disabled"), true);
  await page.type("t");
  await page.picture("kill");
  await page.click("#act-submit");
  await page.until(`${text("#act-outcome")}.includes("revoked")`);
  await page.picture("killed");
  await page.press("Escape");
  await page.until(`!${shown("#act")}`);
  await page.until(`${text('tr[data-identity="drift"] .pill')} === "killed"`);
}

/** A responder proposes to lift it; an admin sees that at once, and approves it. */
async function approves(page, second) {
  await page.click('nav a[data-view="identities"]');
  await opens(page, "drift");
  await page.press("r");
  await page.until(shown("#act"));
  await page.type("all clear");
  await page.press("Enter");
  await page.until(`${text("#act-outcome")}.includes("Nothing changes before somebody else approves it")`);
  await page.picture("proposed");
  await page.press("Escape");
  await page.until(`!${shown("#act")}`);
  await page.press("4");
  await page.until(`${text("#approvals-list")}.includes("You proposed it")`);
  assert.equal(await page.value("[...document.querySelectorAll('#approvals-list button')].map((one) => one.innerText).join()"), "Withdraw…");

  await signIn(second, admin);
  await second.until(`${text("#approvals-count")} === "1"`);
  await second.press("4");
  await second.picture("approvals");
  await second.click("#approvals-list button.primary");
  await second.until(shown("#act"));
  await second.type("looked at it together");
  await second.press("Enter");
  await second.until(`${text("#act-outcome")}.includes("lifted the kill of oncall")`);
  await second.press("Escape");
  await second.until(`${text("#approvals-list")}.includes("Nothing waits")`);
  await second.press("1");
  await second.until(`${text('tr[data-identity="drift"] .pill')} === "open"`);

  // And an admin alone opens more for a while, and takes it back.
  await opens(second, "drift");
  await second.press("b");
  await second.until(shown("#act"));
  await second.type("Case: { read: [CaseNumber, Subject] }");
  await second.click('#act input[name="reason"]');
  await second.type("forensics of the vendor");
  await second.picture("break-glass");
  await second.press("Enter");
  await second.until(`${text("#act-outcome")}.includes("it is granted from now on")`);
  await second.press("Escape");
  await second.until(`${text("#identity-restraints")}.includes("CaseNumber")`);
  await second.picture("granted");
  await second.press("b");
  await second.click('#act input[value="break-glass/end"]');
  await second.click('#act input[name="reason"]');
  await second.type("seen enough");
  await second.press("Enter");
  await second.until(`${text("#act-outcome")}.includes("ended 1 break-glass grants")`);
  await second.press("Escape");
  await second.until(`!${text("#identity-restraints")}.includes("CaseNumber")`);
}

async function asks(page) {
  await page.press("5");
  await page.until(shown("#audit-result table"));
  await page.value("document.querySelector('#audit-form').reset()");
  await page.press("/");
  await page.type("drift");
  await page.value("document.querySelector('#audit-form [name=outcome]').value = 'refused'");
  await page.press("Enter");
  await page.until(`!${text("#audit-result")}.includes("nightly") && ${text("#audit-result")}.includes("refused")`);
  await page.picture("record");
  await page.value("document.querySelector('#audit-form').reset()");
  await page.click("#audit-form button");
  await page.until("document.querySelectorAll('#audit-result tbody tr').length === 100");
  await page.click("#audit-result > button");
  await page.until("document.querySelectorAll('#audit-result tbody tr').length > 100");
}

/** From a refusal to what the record says of it. */
async function follows(page) {
  await page.click("#refusals-list code a");
  await page.until("location.hash.startsWith('#/audit/')");
  const id = await page.value("location.hash.slice(8)");
  await page.until(`document.querySelectorAll("#audit-result tbody tr").length === 1 && ${text("#audit-result")}.includes("${id}")`);
}

async function oneDay(page) {
  await page.click('nav a[data-view="identities"]');
  await opens(page, "nightly");
  await page.until("document.querySelectorAll('#day rect.series').length > 0");
  assert.match(await page.value(text("#day figcaption")), /Account/);
  assert.equal(await page.value("[...document.querySelectorAll('#day .s0')].length > 0"), true);
  await page.picture("day");
}

/** Nothing but keys: find an integration, quarantine it, read what came of it, close. */
async function byKeyboard(page) {
  await signIn(page, responder);
  await page.press("/");
  await page.type("nightly");
  await page.until("document.querySelectorAll('#identities-rows tr').length === 1");
  await page.press("Tab");
  assert.equal(await page.value("document.activeElement.textContent"), "nightly");
  assert.notEqual(await page.value("getComputedStyle(document.activeElement).outlineStyle"), "none", "the focus is seen");
  await page.press("Enter");
  await page.until(`${text("#identity-title")} === "nightly"`);
  await page.press("q");
  await page.until(shown("#act"));
  await page.type("it reads at night");
  await page.press("Enter");
  await page.until(`${text("#act-outcome")}.includes("it holds from now on")`);
  await page.press("Enter");
  await page.until(`!${shown("#act")}`);
  await page.until(`${text("#identity-state")} === "quarantined"`);
  await page.until(`${text("#identity-restraints")}.includes("it reads at night")`);
  await page.press("?");
  await page.until(shown("#help"));
  await page.picture("keys");
  await page.press("Escape");
  await page.until(`!${shown("#help")}`);
}

/** What an integration holds is shown when asked for, and one of its tokens revoked. */
async function revokes(page) {
  await page.click("#identity-held button");
  await page.until(`${text("#identity-held")}.includes("access")`);
  await page.picture("held");
  // With the one from which the others were made, all are gone.
  const row = await page.value(`[...document.querySelectorAll("#identity-held tbody tr")].findIndex((row) => row.innerText.startsWith("refresh"))`);
  await page.click(`#identity-held tbody tr:nth-child(${row + 1}) button`);
  await page.until(shown("#act"));
  await page.type("found in a log");
  await page.press("Enter");
  await page.until(`${text("#act-outcome")}.includes("sessions at forcefield")`);
  await page.press("Escape");
  await page.until(`${text("#identity-held")}.includes("No token of Forcefield works for it")`);
}

async function darkAndNarrow(page) {
  const ground = "getComputedStyle(document.body).backgroundColor";
  const light = await page.value(ground);
  await page.scheme("dark");
  assert.notEqual(await page.value(ground), light);
  await page.picture("dark-day");
  await page.press("1");
  await page.picture("dark-integrations");
  await page.size(390, 844);
  for (const view of ["identities", "refusals", "open", "approvals", "audit", "identity/drift"]) {
    await page.value(`location.hash = "#/${view}"`);
    await page.until(`${shown(`[data-page="${view.split("/")[0]}"]`)}`);
    await page.until("document.documentElement.scrollWidth <= innerWidth");
    await page.picture(`narrow-${view.replace("/", "-")}`);
  }
  await page.size(1360, 860);
  await page.scheme("light");
}

async function views(page) {
  await signIn(page, viewer);
  await page.until(`${text("#role")} === "viewer"`);
  assert.equal(await page.value("document.querySelectorAll('#identities-rows button').length"), 0);
  await opens(page, "nightly");
  await page.press("k");
  assert.equal(await page.value(shown("#act")), false);
  // The listener refuses whatever the page shows.
  const tried = await page.value(`(async () => {
    const guard = (await (await fetch("/console/session")).json()).guard;
    const body = JSON.stringify({ reason: "because I can" });
    const order = (headers) => fetch("/v1/identities/nightly/kill",
      { method: "POST", headers: { "content-type": "application/json", ...headers }, body });
    return [(await order({ "x-forcefield-guard": guard })).status, (await order({})).status];
  })()`);
  assert.deepEqual(tried, [403, 403]);
  await page.click("#sign-out");
  await page.until(shown("#sign-in"));
  assert.equal(await page.value("fetch('/v1/status').then((answer) => answer.status)"), 401);
}

const browser = await Browser.start(certificate);
try {
  const page = await browser.page();
  await looks(page);
  await follows(page);
  await oneDay(page);
  await acts(page);
  await asks(page);
  const fourth = await browser.page();
  await approves(page, fourth);
  const second = await browser.page();
  await byKeyboard(second);
  await revokes(second);
  await darkAndNarrow(second);
  const third = await browser.page();
  await views(third);
  const problems = [page, second, third, fourth].flatMap((each) => each.problems);
  assert.deepEqual(problems, [], "nothing was blocked or failed");
  console.log(JSON.stringify({ done: true }));
} finally {
  await browser.end();
}
