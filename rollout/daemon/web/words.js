// The words people may say, and how they are asked for: a reason always, and the count where nothing undoes it.

import { get, post, Problem } from "./api.js";
import { claimButton } from "./claim.js";
import { h } from "./dom.js";

const QUIET = new Set(["amend"]); // needs a policy at hand: the command line's
const ORDER = ["claim", "approve", "reject", "resume", "retry", "advance", "rollback", "resolve", "exclude", "pause", "stop", "halt", "abort", "revert"];
const MEANINGS = {
  succeeded: "succeeded: it runs what it should",
  rolled_back: "rolled_back: it runs what it ran before",
  failed: "failed: nothing was changed",
  left: "left: it stays as it is, whatever that is",
};

/** Read which words are legal now for a rollout or a service. */
export async function wordsOf(rollout, service = null) {
  const query = service ? `?service=${encodeURIComponent(service)}` : "";
  const { items } = await get(`/v1/rollouts/${encodeURIComponent(rollout)}/actions${query}`);
  const place = (each) => (ORDER.includes(each.verb) ? ORDER.indexOf(each.verb) : ORDER.length);
  return items.filter((each) => !QUIET.has(each.verb)).sort((a, b) => place(a) - place(b));
}

/** A button for each word; those that would be refused say why, and what would work. */
export function buttons(words, { rollout, service = null, plan = "", claim = null, done }) {
  return words
    .filter((each) => each.legal || each.why_not)
    .map((each) => {
      if (each.verb === "claim") return claimButton(each, { rollout, service, claim, done });
      const open = each.legal && each.allowed && !each.no_op;
      const why = !each.allowed
        ? `for a person who is ${each.role}`
        : each.no_op
          ? each.said
          : each.legal
            ? each.said
            : `${each.why_not}${each.instead ? `; would work: ${each.instead}` : ""}`;
      return h(
        "button",
        {
          type: "button",
          class: each.destructive ? "danger" : "plain",
          "data-verb": each.verb,
          title: why,
          disabled: !open,
          onclick: () => ask({ word: each, rollout, service, plan, done }),
        },
        each.verb,
      );
    });
}

/** Ask for the reason and whatever else a word needs, then say it. */
export async function ask({ word, rollout, service = null, plan = "", done = () => {}, send = null }) {
  let unread = "";
  const unknown = (problem) => ((unread = `which checks are red could not be read: ${problem.message}`), []);
  const checks = word.needs.includes("accept_red") ? await redChecks(rollout, service).catch(unknown) : [];
  const reason = h("input", { id: "reason", required: true, maxlength: 500, autocomplete: "off" });
  const count = word.needs.includes("confirm_count") ? h("input", { id: "count", inputmode: "numeric", required: true, autocomplete: "off" }) : null;
  const flags = word.needs.filter((each) => ["past_no_return", "take_over"].includes(each));
  const boxes = flags.map((name) => [name, h("input", { type: "checkbox", required: true, id: name })]);
  const red = checks.map((name) => [name, h("input", { type: "checkbox", id: `red-${name}` })]);
  const as = word.needs.includes("resolve_as")
    ? h("select", { id: "as" }, ...Object.entries(MEANINGS).map(([value, said]) => h("option", { value }, said)))
    : null;
  const force = as ? h("input", { type: "checkbox", id: "force" }) : null;
  const told = h("p", { class: "problem", role: "alert" }, unread);
  let key = null; // the same for the same word however often it is sent, another one for another word
  let sent = null;
  const sure = h("button", { type: "submit", class: word.destructive ? "danger" : "primary" }, `${word.verb} ${word.target}`);
  const dialog = h("dialog", { "aria-labelledby": "word" });
  const close = () => {
    dialog.close();
    dialog.remove();
  };

  async function say(event) {
    event.preventDefault();
    if (count && Number(count.value) !== word.count) {
      told.textContent = `this is about ${word.count} services: type ${word.count}`;
      count.focus();
      return;
    }
    const body = { verb: word.verb, reason: reason.value.trim() };
    if (service) body.service = service;
    if (count) body.confirm_count = word.count;
    for (const [name] of boxes) body[name] = true;
    if (red.length) body.accept_red = red.filter(([, box]) => box.checked).map(([name]) => name);
    if (as) body.resolve_as = as.value;
    if (force?.checked) body.force = true;
    if (word.needs.includes("plan")) body.plan = plan;
    if (JSON.stringify(body) !== sent) {
      sent = JSON.stringify(body);
      key = crypto.randomUUID();
    }
    sure.disabled = true;
    try {
      const reply = send
        ? await send(body.reason, key)
        : await post(`/v1/rollouts/${encodeURIComponent(rollout)}/actions`, body, key);
      close();
      done(reply);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      told.textContent = `${problem.message}${problem.instead ? `. Would work: ${problem.instead}` : ""}`;
      sure.disabled = false;
    }
  }

  dialog.append(
    h(
      "form",
      { method: "dialog", onsubmit: say },
      h("h2", { id: "word" }, `${word.verb} ${word.target}`),
      h("p", {}, word.said || ""),
      word.count > 1 ? h("p", { class: "weight" }, `${word.count} services`) : null,
      h("label", { for: "reason" }, "Why (everybody reads it in the journal)"),
      reason,
      as ? h("label", { for: "as" }, "What it has come to") : null,
      as,
      force ? h("label", { class: "box" }, force, " even where the deployment shows something else") : null,
      ...red.map(([name, box]) => h("label", { class: "box" }, box, ` take ${name} as it is`)),
      ...boxes.map(([name, box]) => h("label", { class: "box" }, box, name === "past_no_return" ? " even though Rollback ends with it" : " even over somebody else's change")),
      count ? h("label", { for: "count" }, `Nothing undoes this. Type how many services it is about (${word.count})`) : null,
      count,
      told,
      h("div", { class: "row" }, h("button", { type: "button", class: "plain", onclick: close }, "leave it"), sure),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  reason.focus();
}

async function redChecks(rollout, service) {
  const detail = await get(`/v1/rollouts/${encodeURIComponent(rollout)}/services/${encodeURIComponent(service)}`);
  return (detail.gate?.checks ?? []).filter((each) => each.verdict !== "pass").map((each) => each.check);
}
