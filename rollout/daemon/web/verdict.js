// The first thing read at three in the morning: one sentence, how bad it is, and the two words that stop things.

import { post } from "./api.js";
import { h, put, set } from "./dom.js";
import { expected } from "./waves.js";
import { ask, buttons, wordsOf } from "./words.js";

/** How bad it is: `calm`, `moving`, `warn` or `bad`. */
export function mood(head) {
  if (head === null) return "calm";
  if (head.attention || (head.result !== null && head.result.code !== 0)) return "bad";
  if (head.counts.failed || head.halted || head.frozen) return "warn";
  return head.closed ? "calm" : "moving";
}

export class Verdict {
  constructor(store, tell) {
    this.store = store;
    this.tell = tell;
    this.sentence = h("h1", { id: "verdict", "aria-live": "polite" });
    this.more = h("p", { class: "why" });
    this.freeze = h("button", { type: "button", class: "plain", id: "freeze", onclick: () => this.onFreeze() });
    this.stop = h("button", { type: "button", class: "danger", id: "stop", title: "no new call in either direction", onclick: () => this.onStop() }, "STOP");
    this.words = h("div", { class: "row" });
    this.all = h("details", { class: "all", ontoggle: () => this.all.open && this.list() }, h("summary", {}, "more words"), this.words);
    this.element = h(
      "section",
      { class: "verdict" },
      h("div", {}, this.sentence, this.more),
      h("div", { class: "row hands" }, this.all, this.freeze, this.stop),
    );
  }

  draw() {
    const { head, freeze } = this.store;
    const empty = this.store.known ? "nothing to show yet: `rollout apply -f POLICY` begins" : "how things stand is not known yet";
    put(this.sentence, head === null ? empty : head.sentence);
    const words = [];
    if (head?.result && !head.closed) words.push(head.result.reason);
    const told = (text) => head !== null && head.sentence.includes(text); // no sentence is read twice
    if (head?.halted && !told(head.halted)) words.push(`halted by ${head.halted_by}: ${head.halted}`);
    if (freeze.frozen && !told(`frozen by ${freeze.who}`)) words.push(`frozen by ${freeze.who}: ${freeze.note ?? freeze.why ?? ""}`);
    if (head && !head.closed && head.ends_at) words.push(`all of it ${expected("end", head.ends_at)}`);
    put(this.more, words.join(" · "));
    set(this.element, "data-mood", mood(head));
    put(this.freeze, freeze.frozen ? "unfreeze" : "freeze");
    this.stop.disabled = head === null || head.closed;
    this.all.hidden = head === null;
  }

  /** List every word for the whole rollout, those that are refused with the reason. */
  async list() {
    const { head } = this.store;
    if (head === null) return;
    const done = (reply) => {
      this.all.open = false;
      this.tell(reply);
    };
    try {
      this.words.replaceChildren(...buttons(await wordsOf(head.id), { rollout: head.id, done }));
    } catch (problem) {
      this.words.replaceChildren(h("p", { class: "problem", role: "alert" }, problem.message));
    }
  }

  onFreeze() {
    const on = !this.store.freeze.frozen;
    const word = { verb: on ? "freeze" : "unfreeze", target: "all rollouts", said: on ? "no service of any rollout is begun; what is under way goes on" : "services are begun again", needs: ["reason"], destructive: false, count: 1 };
    ask({ word, done: this.tell, send: (reason, key) => post("/v1/freeze", { on, reason }, key) });
  }

  /** Ask for the reason at once: whether a stop is legal is the daemon's to say, and it says so when it is asked. */
  onStop() {
    const { head } = this.store;
    const said = "no new call in either direction until a resume or a rollback; what is in flight is watched";
    const word = { verb: "stop", target: head.id, said, needs: ["reason"], destructive: true, count: 1 };
    ask({ word, rollout: head.id, done: this.tell });
  }
}
