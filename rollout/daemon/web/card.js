// One service that waits for a person. It stays in place while its words change: a hand may be on its button.

import { keep } from "./claim.js";
import { h, outside, put } from "./dom.js";
import { go } from "./route.js";
import { clock, span } from "./time.js";
import { buttons, wordsOf } from "./words.js";

const NO_WAY_ON = new Set(["pause", "stop"]); // they free nothing; the drawer and STOP have them

export class Card {
  constructor(row, tell) {
    this.tell = tell;
    this.version = null;
    this.words = "";
    this.said = h("p", { class: "said" });
    this.kept = h("p", { class: "kept" });
    this.age = h("b");
    this.at = h("span", { class: "at" });
    this.actions = h("div", { class: "row" });
    const { attention } = row;
    this.element = h(
      "article",
      { class: "card", "data-service": row.service },
      h("h3", {}, h("button", { type: "button", class: "link", onclick: () => go({ rollout: row.rollout, service: row.service }) }, row.service)),
      h("div", { class: "text" }, this.said, this.kept),
      h("p", { class: "quiet meta" }, this.age, this.at, attention.runbook ? " · " : "", attention.runbook ? outside(attention.runbook, "runbook") : null, attention.ticket ? ` · ${attention.ticket}` : ""),
      this.actions,
    );
  }

  show(row) {
    if (row.version === this.version) return;
    this.version = row.version;
    this.row = row;
    put(this.said, row.attention.sentence.replace(`${row.service} `, "")); // its name stands before it
    this.said.title = row.attention.sentence;
    this.tick();
    this.load();
  }

  tick() {
    const { since_at: at, claim } = this.row.attention;
    keep(this.kept, claim);
    put(this.age, span(Date.now() / 1000 - at));
    put(this.at, `, since ${clock(at)}`);
  }

  async load() {
    const { rollout, service, version } = this.row;
    const words = await wordsOf(rollout, service).catch(() => null);
    if (version !== this.version) return; // it has changed since, and is asked about again
    if (words === null) {
      put(this.actions, "which words are legal could not be read");
      this.version = this.words = null; // the next change of anything asks again
      return;
    }
    const { claim } = this.row.attention;
    const legal = words.filter((word) => !NO_WAY_ON.has(word.verb) && word.legal && (word.verb === "claim" || !word.no_op));
    const wanted = JSON.stringify([legal, claim]);
    if (wanted === this.words) return;
    this.words = wanted;
    this.actions.replaceChildren(...buttons(legal, { rollout, service, claim, done: this.tell }));
  }
}
