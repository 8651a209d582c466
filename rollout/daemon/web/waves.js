// Waves in their order: how far each is, what failed of what may fail, and when it is expected to open and to be done.

import { h } from "./dom.js";
import { isUtc, minute } from "./time.js";

const MINUTE_MS = 60000;

export class Waves {
  constructor(store) {
    this.store = store;
    this.element = h("ol", { class: "waves", "aria-label": "waves" });
    this.drawn = "";
  }

  draw() {
    const waves = this.store.head?.waves ?? [];
    const wanted = JSON.stringify([waves, isUtc(), Math.floor(Date.now() / MINUTE_MS)]);
    if (wanted === this.drawn) return;
    this.drawn = wanted;
    this.element.replaceChildren(...waves.map(wave));
  }
}

/** Say when something is expected; nothing where nobody can tell. */
export function expected(what, at) {
  if (at === null || at === undefined) return "";
  return at * 1000 < Date.now() ? `was to ${what} about ${minute(at)}` : `${what === "end" ? "done" : `${what}s`} about ${minute(at)}`;
}

function wave(each) {
  const failed = each.failed ? `${each.failed} failed of ${each.failure_tolerance} tolerated` : "";
  const [opens, ends] = [expected("open", each.opens_at), expected("end", each.ends_at)];
  const soon = opens || ends;
  return h(
    "li",
    { "data-state": each.state, "data-wave": each.name, class: each.failed ? "failed" : "" },
    h("span", { class: "name" }, h("b", { title: each.name }, each.name), h("span", { class: "quiet" }, ` ${each.state}`), soon ? h("span", { class: "expected quiet", title: ends }, ` · ${soon}`) : null),
    h("progress", { max: each.services, value: each.ended, "aria-label": `${each.name}: ended` }),
    h("span", { class: "numbers" }, `${each.done}/${each.services} done · ${each.in_flight} in flight, ${each.max_parallel} at most`, failed ? h("span", { class: "problem" }, ` · ${failed}`) : null),
  );
}
