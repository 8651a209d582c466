// What only a person moves on: each with its reason, since when, where to read on, and the words that are legal now.

import { get } from "./api.js";
import { Card } from "./card.js";
import { h, put, set } from "./dom.js";
import { buttons, wordsOf } from "./words.js";

const SHOWN_MAX = 6;
const ROOMY_MAX = 3; // more of them stand one in a line, so that the grid stays in sight
const OWED = new Set(["pending", "expired", "rejected"]);
const APPROVALS = new Set(["approve", "reject"]);

export class Attention {
  constructor(store, tell) {
    this.store = store;
    this.tell = tell;
    this.title = h("h2");
    this.list = h("div", { class: "cards" });
    this.rest = h("p", { class: "rest quiet" });
    this.element = h("section", { class: "needs", "aria-label": "needs you", hidden: true }, this.title, this.list, this.rest);
    this.cards = new Map(); // key -> a card or an approval, kept as long as it is shown: a hand may be on its button
    this.order = "";
    this.plan = "";
    this.approvals = [];
    this.asked = "";
  }

  draw() {
    const { head } = this.store;
    this.refresh(head);
    const rows = [...this.store.services.values()].filter((each) => each.attention);
    const waits = this.approvals.filter((each) => OWED.has(each.standing));
    const count = rows.length + waits.length;
    this.element.hidden = count === 0;
    put(this.title, `Needs you (${count})`);
    put(this.rest, rows.length > SHOWN_MAX ? `and ${rows.length - SHOWN_MAX} more, first in the grid` : "");
    set(this.element, "data-many", count > ROOMY_MAX ? "" : null);
    this.place([
      ...waits.map((each) => [`approval ${head.id} ${JSON.stringify(each)}`, () => this.approval(head, each)]),
      ...rows.slice(0, SHOWN_MAX).map((each) => [`service ${each.rollout} ${each.service}`, () => new Card(each, this.tell), each]),
    ]);
  }

  /** Make what is new, let go what is over, and leave the others where they are. */
  place(wanted) {
    const kept = new Map();
    for (const [key, make, row] of wanted) {
      const card = this.cards.get(key) ?? make();
      if (row) card.show(row);
      kept.set(key, card);
    }
    this.cards = kept;
    const order = [...kept.keys()].join("\n");
    if (order === this.order) return;
    this.order = order;
    this.list.replaceChildren(...[...kept.values()].map((card) => card.element));
  }

  /** Spans go on. */
  tick() {
    for (const card of this.cards.values()) card.tick?.();
  }

  /** Approvals are no part of a head: they are read whenever the rollout itself has changed. */
  async refresh(head) {
    const wanted = head === null ? "" : `${head.id} ${head.etag.split(".", 1)} ${head.closed}`;
    if (wanted === this.asked) return;
    this.asked = wanted;
    if (head === null || head.closed) {
      this.approvals = [];
      return;
    }
    const document = await get(`/v1/rollouts/${encodeURIComponent(head.id)}`).catch(() => null);
    if (this.asked !== wanted) return; // another one is shown by now
    if (document === null) this.asked = "";
    this.approvals = document?.approvals ?? [];
    this.plan = document?.plan ?? "";
    this.store.touch();
  }

  approval(head, each) {
    const actions = h("div", { class: "row" });
    const shown = (words) => actions.replaceChildren(...buttons(words.filter((word) => APPROVALS.has(word.verb)), { rollout: head.id, plan: this.plan, done: this.tell }));
    wordsOf(head.id).then(shown, (problem) => put(actions, problem.message));
    const element = h(
      "article",
      { class: "card", "data-approval": each.scope || "rollout" },
      h("h3", {}, each.scope ? `wave ${each.scope}` : head.id),
      h("p", { class: "said" }, `${each.standing === "expired" ? "approval has expired" : "waits for approval"} by ${each.by}, until ${each.until}`),
      h("p", { class: "quiet meta" }, head.ticket),
      actions,
    );
    return { element };
  }
}
