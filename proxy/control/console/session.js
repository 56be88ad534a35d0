// Who the page is for, and every call that it makes.

export const session = { responder: "", role: "", ends: null };
export const ended = new EventTarget();

let guard = "";
const RANKS = { viewer: 0, responder: 1, admin: 2 };

/** A call that was answered with a problem; its message is for people. */
export class Problem extends Error {
  constructor(status, text, decision) {
    super(text);
    this.status = status;
    this.decision = decision;
  }
}

/** Whether the role of whoever is signed in suffices. The listener asks this itself, whatever the page thinks. */
export const may = (role) => RANKS[session.role] >= RANKS[role];

export async function signIn(token) {
  take(await call("POST", "/console/session", token === null ? {} : { token }));
}

/** Takes up the session that the browser has; false when it has none. */
export async function resume() {
  try {
    take(await call("GET", "/console/session"));
    return true;
  } catch (problem) {
    if (problem.status === 401) return false;
    throw problem;
  }
}

export async function signOut() {
  await call("DELETE", "/console/session");
  guard = "";
  ended.dispatchEvent(new CustomEvent("ended", { detail: "You are signed out." }));
}

export const get = (path) => signedIn(() => call("GET", path));
export const post = (path, body) => signedIn(() => call("POST", path, body));

async function signedIn(made) {
  try {
    return await made();
  } catch (problem) {
    if (problem.status === 401) {
      ended.dispatchEvent(new CustomEvent("ended", { detail: "Your session has ended. Sign in again." }));
    }
    throw problem;
  }
}

async function call(method, path, body) {
  const headers = { accept: "application/json" };
  if (method !== "GET") headers["x-forcefield-guard"] = guard;
  if (body !== undefined) headers["content-type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin", cache: "no-store", redirect: "error",
    });
  } catch {
    throw new Problem(0, "Forcefield cannot be reached.");
  }
  const data = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(answer.status, data.error ?? `answered ${answer.status}`, data.decision);
  return data;
}

function take(signed) {
  ({ guard } = signed);
  Object.assign(session, { responder: signed.responder, role: signed.role, ends: signed.ends });
}
