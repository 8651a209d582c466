// What only a person moves on: each with its reason, since when, where to read on, and the words that are legal now.

import { get } from "./api.js";
import { Card } from "./card.js";
import { claimButton, keep } from "./claim.js";
import { h, put, set } from "./dom.js";
import { ask, buttons, wordsOf } from "./words.js";

const SHOWN_MAX = 6;
const DIGEST_SHOWN = 12;
const ROOMY_MAX = 3; // more of them stand one in a line, so that the grid stays in sight
const OWED = new Set(["pending", "expired", "rejected"]);
const APPROVALS = new Set(["approve", "reject", "claim"]);
const HALTED = new Set(["resume", "abort", "claim"]);

export class Attention {
  constructor(store, tell) {
    this.store = store;
    this.tell = tell;
    this.title = h("h2");
    this.list = h("div", { class: "cards" });
    this.rest = h("p", { class: "rest quiet" });
    this.all = h("span");
    const bar = h("header", { class: "row" }, this.title, this.all);
    this.element = h("section", { class: "needs", "aria-label": "needs you", hidden: true }, bar, this.list, this.rest);
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
    const place = (each) => 2 * Boolean(each.attention.claim) + (each.failure === null); // what nobody has, and of that what failed
    rows.sort((a, b) => place(a) - place(b));
    const waits = this.approvals.filter((each) => OWED.has(each.standing));
    const halt = head?.halted && !head.closed ? [head.halted] : [];
    const stuck = head?.trouble && !head.closed ? [head.trouble] : [];
    const own = waits.length + halt.length;
    const count = rows.length + own + stuck.length;
    const kept = rows.filter((each) => each.attention.claim).length + (head?.claim ? own : 0);
    this.element.hidden = count === 0;
    put(this.title, `Needs you (${count}${kept ? `, ${kept} claimed` : ""})`);
    this.all.hidden = count - kept < 2;
    if (this.allOf !== head?.id) this.all.replaceChildren(...(head ? [this.claimAll(head.id)] : []));
    this.allOf = head?.id;
    put(this.rest, rows.length > SHOWN_MAX ? `and ${rows.length - SHOWN_MAX} more, first in the grid` : "");
    set(this.element, "data-many", count > ROOMY_MAX ? "" : null);
    this.place([
      ...stuck.map((each) => [`trouble ${head.id} ${each}`, () => this.trouble(head)]),
      ...waits.map((each) => [`approval ${head.id} ${JSON.stringify([each, head.claim])}`, () => this.approval(head, each)]),
      ...halt.map((each) => [`halt ${head.id} ${JSON.stringify([each, head.claim])}`, () => this.halt(head)]),
      ...rows.slice(0, SHOWN_MAX).map((each) => [`service ${each.rollout} ${each.service}`, () => new Card(each, this.tell), each]),
    ]);
  }

  claimAll(rollout) {
    const allowed = this.store.me.roles.some((role) => role === "operator" || role === "admin");
    const word = { legal: true, allowed, role: "operator" };
    return claimButton(word, { rollout, done: this.tell, label: "claim all" });
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
    const said = `${each.standing === "expired" ? "approval has expired" : "waits for approval"} by ${each.by}, until ${each.until}`;
    const wave = head.waves.find((one) => one.name === each.scope);
    const about = wave ? `${wave.services} services, ${wave.max_parallel} at once, ${wave.failure_tolerance} failures tolerated` : `${head.services} services in ${head.waves.length} waves`;
    const card = this.own(head, { "data-approval": each.scope || "rollout" }, each.scope ? `wave ${each.scope}` : head.id, said, APPROVALS);
    card.element.querySelector(".meta").prepend(`${about} · submitted by ${head.submitter || "?"} · plan ${this.plan.slice(0, DIGEST_SHOWN)}${head.ticket ? " · " : ""}`);
    return card;
  }

  /** The engine itself has made a mistake: the one word that helps is said to all of the rollout. */
  trouble(head) {
    const word = { verb: "retry", target: head.id, said: "the engine goes on with all of it", needs: ["reason"], destructive: false, count: 1 };
    const retry = () => ask({ word, rollout: head.id, done: this.tell });
    const button = h("button", { type: "button", class: "plain", "data-verb": "retry", onclick: retry }, "retry");
    const said = h("p", { class: "said", title: head.trouble }, `the engine has stopped it, by a mistake of its own: ${head.trouble}`);
    return { element: h("article", { class: "card", "data-trouble": head.id }, h("h3", {}, head.id), said, h("p", { class: "quiet meta" }, head.ticket), h("div", { class: "row" }, button)) };
  }

  halt(head) {
    const who = head.halted_by === "policy" ? "the policy" : head.halted_by;
    const said = head.aborted ? `aborted by ${who}: ${head.halted}` : `nothing new starts; halted by ${who}: ${head.halted}`;
    return this.own(head, { "data-halt": head.id }, head.id, said, HALTED);
  }

  /** What the rollout itself waits for, with some of the words for it. */
  own(head, mark, title, said, verbs) {
    const actions = h("div", { class: "row" });
    const given = { rollout: head.id, plan: this.plan, claim: head.claim, done: this.tell };
    const useful = (word) => verbs.has(word.verb) && (verbs === APPROVALS || (word.legal && (!word.no_op || word.verb === "claim")));
    wordsOf(head.id).then((words) => actions.replaceChildren(...buttons(words.filter(useful), given)), (problem) => put(actions, problem.message));
    const element = h(
      "article",
      { class: "card", ...mark },
      h("h3", {}, title),
      h("div", { class: "text" }, h("p", { class: "said" }, said), keep(h("p", { class: "kept" }), head.claim)),
      h("p", { class: "quiet meta" }, head.ticket),
      actions,
    );
    return { element };
  }
}
