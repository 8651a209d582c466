// Asking the daemon. The token lives in this tab alone; answers that are problems become errors with their words.

const KEY = "rollout.token";
let token = sessionStorage.getItem(KEY);

/** What the daemon refused, and what would work instead. */
export class Problem extends Error {
  constructor(status, document) {
    super(document.detail || document.title || `HTTP ${status}`);
    this.status = status;
    this.instead = document.instead || "";
    this.said = document.said || [];
  }
}

/** Whether somebody is let in. */
export const hasToken = () => token !== null;

/** Keep a token for this tab; null forgets it. */
export function keepToken(value) {
  token = value;
  if (value === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, value);
}

/** Give the headers that say who asks. */
export const authorization = () => (token === null ? {} : { Authorization: `Bearer ${token}` });

/** Read a document. */
export const get = (path) => ask("GET", path);

/** Say something; `key` makes a repeated request the same one. */
export const post = (path, body, key = null) => ask("POST", path, body, key);

async function ask(method, path, body = undefined, key = null) {
  const headers = { Accept: "application/json", ...authorization() };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key !== null) headers["Idempotency-Key"] = key;
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Problem(0, { detail: "the daemon does not answer" });
  }
  const document = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(answer.status, document);
  return document;
}
