// One service, opened: what it does and why, what the gate saw, which operation, what was said, and the legal words.

import { get } from "./api.js";
import { keep } from "./claim.js";
import { h, outside } from "./dom.js";
import { exchanges, gates } from "./evidence.js";
import { go } from "./route.js";
import { clock } from "./time.js";
import { buttons, wordsOf } from "./words.js";

const LINES_MAX = 200;
const AGAIN_MS = 700;

export class Drawer {
  constructor(store, tell) {
    this.store = store;
    this.tell = tell;
    this.shown = null;
    this.version = null;
    this.timer = null;
    this.element = h("aside", { class: "drawer", hidden: true, tabindex: "-1", "aria-label": "service" });
  }

  /** Show a service of a rollout; null closes. */
  open(rollout, service) {
    this.shown = service === null ? null : { rollout, service };
    this.version = null;
    const opens = this.element.hidden && service !== null;
    this.element.hidden = service === null;
    if (opens) this.element.focus({ preventScroll: true }); // the next Tab is its first button
    if (service !== null) this.load();
  }

  /** Read it again, soon, if it has changed. */
  draw() {
    if (this.shown === null || this.timer !== null) return;
    const row = this.store.services.get(this.shown.service);
    if (row === undefined || row.version === this.version) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.load();
    }, AGAIN_MS);
  }

  async load() {
    const { rollout, service } = this.shown ?? {};
    if (!service) return;
    const base = `/v1/rollouts/${encodeURIComponent(rollout)}`;
    let found;
    try {
      found = await Promise.all([
        get(`${base}/services/${encodeURIComponent(service)}`),
        get(`${base}/timeline?service=${encodeURIComponent(service)}&limit=${LINES_MAX}`),
        wordsOf(rollout, service),
      ]);
    } catch (problem) {
      this.element.replaceChildren(this.bar(service), h("p", { class: "problem", role: "alert" }, problem.message));
      return;
    }
    if (this.shown?.service !== service) return;
    const [detail, timeline, words] = found;
    this.version = detail.version;
    const focused = document.activeElement?.dataset?.verb;
    const unfolded = [...this.element.querySelectorAll("details[open]")].map((each) => each.dataset.fold);
    const top = this.element.scrollTop;
    const parts = [
      this.bar(service),
      h("p", { class: detail.attention ? "sentence problem" : "sentence" }, (detail.attention ?? detail).sentence),
      detail.attention?.claim ? keep(h("p", { class: "kept" }), detail.attention.claim) : null,
      h("div", { class: "row words" }, ...buttons(words, { rollout, service, claim: detail.attention?.claim ?? null, done: this.tell })),
      facts(detail, this.store.head),
      gates(detail.gates ?? []),
      exchanges(detail.exchanges ?? []),
      h("h3", {}, "What happened"),
      h("ol", { class: "timeline" }, ...timeline.items.reverse().map(line)),
    ];
    this.element.replaceChildren(...parts.filter((each) => each !== null));
    for (const each of this.element.querySelectorAll("details")) each.open = unfolded.includes(each.dataset.fold);
    this.element.scrollTop = top;
    if (focused) this.element.querySelector(`[data-verb="${focused}"]`)?.focus();
  }

  bar(service) {
    const close = () => go({ rollout: this.store.selected });
    return h("header", { class: "row" }, h("h2", {}, service), h("button", { type: "button", class: "plain", "aria-label": "close", onclick: close }, "✕"));
  }
}

function facts(detail, head) {
  const pairs = [
    ["wave", detail.wave],
    ["slot", detail.slot],
    ["release", `${detail.release_before ?? "?"} → ${detail.release_after ?? "?"}`],
    ["way back", detail.way_back],
    ["holds", detail.holds.map((each) => `${each.reason} by ${each.who}${each.text ? `: ${each.text}` : ""}`).join("; ")],
    ["stopped", detail.stop ? `by ${detail.stop.who} since ${clock(detail.stop.since_at)}: ${detail.stop.text}` : ""],
    ["operation", detail.operation && h("span", { class: "ids" }, detail.operation.id, h("br"), detail.operation.dashed)],
    ["the service says", detail.error ?? ""],
    ["tags", Object.entries(detail.tags).map(([name, value]) => `${name}=${value}`).join(" ")],
    ["ticket", head?.ticket ?? ""],
  ].filter(([, value]) => value);
  const list = pairs.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
  if (head?.runbook) list.push(h("dt", {}, "runbook"), h("dd", {}, outside(head.runbook)));
  return h("dl", {}, ...list);
}

function line(entry) {
  const evidence = entry.evidence.map((each) => `${each.check}: ${each.verdict}, ${each.detail}`);
  return h(
    "li",
    { class: entry.milestone ? "milestone" : "" },
    h("time", { datetime: new Date(entry.at * 1000).toISOString() }, clock(entry.at)),
    h("span", {}, entry.sentence, entry.actor && entry.actor !== "engine" ? h("em", {}, ` — ${entry.actor}`) : null, ...evidence.map((each) => h("small", {}, each))),
  );
}
