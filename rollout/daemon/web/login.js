// Letting somebody in: by the link that `rollout ui` printed, good once, or by a token typed in.

import { get, hasToken, keepToken, post } from "./api.js";
import { h } from "./dom.js";

const AGAIN_MS = 2000;

/** Give who it is once somebody is let in; draws into `root` where it has to ask. */
export async function enter(root) {
  const ticket = /^#ticket=([A-Za-z0-9_-]+)$/.exec(location.hash)?.[1];
  let said = "";
  if (ticket) {
    history.replaceState(null, "", location.pathname); // it is used up, and belongs in no history
    try {
      keepToken((await post("/v1/session", { ticket })).token);
    } catch (problem) {
      said = `${problem.message}. ${problem.instead}`;
    }
  }
  for (;;) {
    if (hasToken()) {
      try {
        return await get("/v1/me");
      } catch (problem) {
        if (problem.status !== 401) {
          await again(root, problem.message); // the token may well be good: the daemon is away, or has much to do
          continue;
        }
        if (!said) said = "this token is not known any more";
        keepToken(null);
      }
    }
    await typed(root, said);
    said = "";
  }
}

function again(root, said) {
  root.replaceChildren(h("div", { class: "login" }, h("h1", {}, "rollout"), h("p", { class: "problem", role: "alert" }, `${said}: asking again …`)));
  return new Promise((resume) => setTimeout(resume, AGAIN_MS));
}

function typed(root, said) {
  return new Promise((resolve) => {
    const field = h("input", { type: "password", autocomplete: "off", required: true, id: "token", name: "token" });
    const form = h(
      "form",
      {
        class: "login",
        onsubmit: (event) => {
          event.preventDefault();
          keepToken(field.value.trim());
          resolve();
        },
      },
      h("h1", {}, "rollout"),
      h("p", {}, "Run ", h("code", {}, "rollout ui"), " on the daemon's machine for a link, or paste a token."),
      said ? h("p", { class: "problem", role: "alert" }, said) : null,
      h("label", { for: "token" }, "Token"),
      field,
      h("button", { class: "primary", type: "submit" }, "Go in"),
    );
    root.replaceChildren(form);
    field.focus();
  });
}
