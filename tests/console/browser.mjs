// Headless Chromium over the DevTools protocol, on a pipe: no port, no package.

import { spawn } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** How long anything may take before a test gives up, in milliseconds: a loaded machine is slow. */
const WITHIN = 30000;

export class Browser {
  /** Starts it; it takes the certificate of a file, and no other, without asking who signed it. */
  static async start(certificate) {
    const key = new X509Certificate(readFileSync(certificate)).publicKey.export({ type: "spki", format: "der" });
    const hash = createHash("sha256").update(key).digest("base64");
    const profile = mkdtempSync(join(tmpdir(), "forcefield-console-"));
    const flags = [
      "--headless=new", "--remote-debugging-pipe", `--user-data-dir=${profile}`, "--no-first-run", "--no-sandbox",
      "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
      "--force-color-profile=srgb", "--lang=en-GB", `--ignore-certificate-errors-spki-list=${hash}`, "about:blank",
    ];
    const child = spawn(process.env.CHROMIUM ?? "chromium", flags, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    const browser = new Browser(child, profile);
    await browser.send("Browser.getVersion");
    return browser;
  }

  constructor(child, profile) {
    Object.assign(this, { child, profile, next: 1, waiting: new Map(), pages: new Map() });
    let text = "";
    child.stdio[4].setEncoding("utf8").on("data", (chunk) => {
      const parts = (text + chunk).split("\0");
      text = parts.pop();
      for (const part of parts) this.heard(JSON.parse(part));
    });
    child.on("error", (error) => this.failed(error));
    child.on("exit", (code) => this.failed(new Error(`the browser has ended: ${code}`)));
  }

  send(method, params = {}, sessionId) {
    const id = this.next++;
    this.child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject, method }));
  }

  heard({ id, result, error, method, params, sessionId }) {
    const waiting = this.waiting.get(id);
    if (!waiting) return this.pages.get(sessionId)?.event(method, params);
    this.waiting.delete(id);
    if (error) waiting.reject(new Error(`${waiting.method}: ${error.message}`));
    else waiting.resolve(result);
  }

  failed(error) {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }

  /** A page in a profile of its own. */
  async page() {
    const { browserContextId } = await this.send("Target.createBrowserContext");
    return this.tab(browserContextId);
  }

  /** One more tab of a profile. */
  async tab(browserContextId) {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank", browserContextId });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(this, sessionId, browserContextId);
    this.pages.set(sessionId, page);
    for (const domain of ["Page", "Runtime", "Log"]) await page.send(`${domain}.enable`);
    await page.size(1360, 860);
    return page;
  }

  async end() {
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.send("Browser.close").catch(() => {});
    await ended;
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A tab, and everything that it complained of. */
export class Page {
  constructor(browser, session, profile) {
    Object.assign(this, { browser, session, profile, problems: [] });
  }

  send(method, params) {
    return this.browser.send(method, params, this.session);
  }

  event(method, params) {
    if (method === "Runtime.exceptionThrown") this.problems.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    if (method === "Runtime.consoleAPICalled" && params.type === "error") this.problems.push(JSON.stringify(params.args));
    // An answer of 401 or 403 is for the page to show; what the policy blocks and what fails to load is not.
    if (method === "Log.entryAdded" && ["error", "warning"].includes(params.entry.level) && params.entry.source !== "network") {
      this.problems.push(params.entry.text);
    }
  }

  async goto(url) {
    await this.send("Page.navigate", { url });
    await this.until("document.readyState === 'complete'");
  }

  /** The value of an expression; promises are waited for. */
  async value(expression) {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
    return result.value;
  }

  /** Waits until an expression holds. */
  async until(expression) {
    const deadline = Date.now() + WITHIN;
    for (;;) {
      const value = await this.value(expression).catch(() => false);
      if (value) return value;
      if (Date.now() > deadline) throw new Error(`it never came: ${expression}\n${await this.value("document.body.innerText")}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Clicks an element as a person does: goes there, sees that it is under the pointer, presses. */
  async click(selector) {
    const name = JSON.stringify(selector);
    const deadline = Date.now() + WITHIN;
    for (;;) {
      await this.until(`!!document.querySelector(${name})?.checkVisibility()`);
      const at = await this.value(`(() => {
        const element = document.querySelector(${name});
        element.scrollIntoView({ block: "center" });
        const box = element.getBoundingClientRect();
        return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
      })()`).catch(() => null);
      if (at) await this.send("Input.dispatchMouseEvent", { type: "mouseMoved", ...at });
      // A list may have been drawn anew meanwhile; what is pointed at stands still.
      if (at && (await this.value(`document.querySelector(${name})?.contains(document.elementFromPoint(${at.x}, ${at.y}))`))) {
        for (const type of ["mousePressed", "mouseReleased"]) {
          await this.send("Input.dispatchMouseEvent", { type, ...at, button: "left", clickCount: 1 });
        }
        return;
      }
      if (Date.now() > deadline) throw new Error(`it cannot be clicked: ${selector}`);
    }
  }

  async type(text) {
    await this.send("Input.insertText", { text });
  }

  async press(key) {
    const code = { Tab: 9, Enter: 13, Escape: 27, ArrowDown: 40, ArrowUp: 38, " ": 32 }[key] ?? key.toUpperCase().charCodeAt(0);
    const text = key === "Enter" ? "\r" : key.length === 1 ? key : undefined;
    await this.send("Input.dispatchKeyEvent", { type: text ? "keyDown" : "rawKeyDown", key, text, windowsVirtualKeyCode: code });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", key, windowsVirtualKeyCode: code });
  }

  async size(width, height) {
    await this.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
  }

  async scheme(value) {
    await this.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });
  }

  /** Keeps a picture where SCREENSHOTS says, if it does. */
  async picture(name) {
    if (!process.env.SCREENSHOTS) return;
    const { data } = await this.send("Page.captureScreenshot", { format: "png" });
    writeFileSync(join(process.env.SCREENSHOTS, `${name}.png`), Buffer.from(data, "base64"));
  }
}
