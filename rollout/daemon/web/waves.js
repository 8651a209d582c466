// Waves in their order: how far each is, what failed of what may fail, and how long it is expected to go on.

import { h } from "./dom.js";
import { span } from "./time.js";

export class Waves {
  constructor(store) {
    this.store = store;
    this.element = h("ol", { class: "waves", "aria-label": "waves" });
    this.drawn = "";
  }

  draw() {
    const waves = this.store.head?.waves ?? [];
    const wanted = JSON.stringify(waves);
    if (wanted === this.drawn) return;
    this.drawn = wanted;
    this.element.replaceChildren(...waves.map(wave));
  }
}

function wave(each) {
  const eta = each.eta_s === null || each.ended === each.services ? "" : ` · about ${span(each.eta_s)} to go`;
  const failed = each.failed ? `${each.failed} failed of ${each.failure_tolerance} tolerated` : "";
  return h(
    "li",
    { "data-state": each.state, class: each.failed ? "failed" : "" },
    h("b", {}, each.name),
    h("span", { class: "quiet" }, ` ${each.state}${eta}`),
    h("progress", { max: each.services, value: each.ended, "aria-label": `${each.name}: ended` }),
    h("span", { class: "numbers" }, `${each.done}/${each.services} done · ${each.in_flight} in flight, ${each.max_parallel} at most`),
    failed ? h("span", { class: "problem" }, failed) : null,
  );
}
