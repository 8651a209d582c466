// Who has what needs somebody. One press takes it up, one hands it back: it changes nothing, so nothing is asked.

import { post } from "./api.js";
import { h } from "./dom.js";
import { clock } from "./time.js";

let me = "";

/** Remember who looks: what is one's own is handed back, what is another's taken over. */
export function iAm(name) {
  me = name;
}

/** Say in an element who has it; it is empty where nobody does, and where there is little room it names them alone. */
export function keep(element, claim) {
  const more = claim ? ` has it since ${clock(claim.since_at)}${claim.text ? `: ${claim.text}` : ""}` : "";
  element.title = claim ? `${claim.who}${more}` : "";
  if (element.title !== element.textContent) element.replaceChildren(...(claim ? [claim.who, h("span", { class: "more" }, more)] : []));
  return element;
}

/** The button for the word; without a service it is about all that needs somebody in the rollout. */
export function claimButton(word, { rollout, service = null, claim = null, done, label = "claim" }) {
  const mine = claim?.who === me;
  const name = mine ? "hand back" : claim ? "take over" : label;
  const say = async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    const body = { verb: "claim", reason: mine ? "handed back" : "on it", ...(service ? { service } : {}), ...(mine ? { release: true } : {}) };
    const refused = (problem) => done({ kind: "refused", said: [{ about: service ?? rollout, text: problem.message }] });
    await post(`/v1/rollouts/${encodeURIComponent(rollout)}/actions`, body, crypto.randomUUID()).then(done, refused);
    button.disabled = false;
  };
  const why = !word.allowed ? `for a person who is ${word.role}` : word.legal ? `tells others that you have ${service ?? "all that needs somebody in it"}; changes nothing about the rollout` : word.why_not;
  return h("button", { type: "button", class: "plain", "data-verb": "claim", title: why, disabled: !word.legal || !word.allowed, onclick: say }, name);
}
