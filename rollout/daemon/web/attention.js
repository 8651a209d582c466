// What only a person moves on: each with its reason, since when, where to read on, and the words that are legal now.

import { get } from "./api.js";
import { h, outside } from "./dom.js";
import { go } from "./route.js";
import { clock, span } from "./time.js";
import { buttons, wordsOf } from "./words.js";

const SHOWN_MAX = 6;
const OWED = new Set(["pending", "expired", "rejected"]);
const APPROVALS = new Set(["approve", "reject"]);

export class Attention {
  constructor(store, tell) {
    this.store = store;
    this.tell = tell;
    this.element = h("section", { class: "needs", "aria-label": "needs you", hidden: true });
    this.drawn = "";
    this.plan = "";
    this.approvals = [];
    this.heads = "";
  }

  draw() {
    const { head } = this.store;
    const rows = [...this.store.services.values()].filter((each) => each.attention);
    this.refresh(head);
    const waits = this.approvals.filter((each) => OWED.has(each.standing));
    const wanted = JSON.stringify([head?.id, waits, rows.map((each) => [each.service, each.version])]);
    if (wanted === this.drawn) return;
    this.drawn = wanted;
    this.element.hidden = !rows.length && !waits.length;
    const cards = [...waits.map((each) => this.approval(head, each)), ...rows.slice(0, SHOWN_MAX).map((each) => this.card(each))];
    if (rows.length > SHOWN_MAX) cards.push(h("p", { class: "rest" }, `and ${rows.length - SHOWN_MAX} more, first in the grid`));
    this.element.replaceChildren(h("h2", {}, `Needs you (${rows.length + waits.length})`), h("div", { class: "cards" }, ...cards));
  }

  /** Approvals are no part of a head: they are read whenever the rollout itself has changed. */
  async refresh(head) {
    const wanted = head === null ? "" : `${head.id} ${head.etag.split(".").slice(0, 1)} ${head.closed}`;
    if (wanted === this.heads) return;
    this.heads = wanted;
    if (head === null || head.closed) {
      this.approvals = [];
      return;
    }
    const document = await get(`/v1/rollouts/${encodeURIComponent(head.id)}`).catch(() => null);
    if (document === null) return;
    this.approvals = document.approvals;
    this.plan = document.plan;
    this.store.touch();
  }

  approval(head, each) {
    const actions = h("div", { class: "row" });
    wordsOf(head.id).then((words) =>
      actions.replaceChildren(...buttons(words.filter((word) => APPROVALS.has(word.verb)), { rollout: head.id, plan: this.plan, done: this.tell })),
    );
    return h(
      "article",
      { class: "card", "data-approval": each.scope || "rollout" },
      h("h3", {}, each.scope ? `wave ${each.scope}` : head.id),
      h("p", {}, `${each.standing === "expired" ? "approval has expired" : "waits for approval"} by ${each.by}, until ${each.until}`),
      actions,
    );
  }

  card(row) {
    const { attention } = row;
    const actions = h("div", { class: "row" });
    wordsOf(row.rollout, row.service).then((words) => {
      const legal = words.filter((word) => word.legal && !word.no_op);
      actions.replaceChildren(...buttons(legal, { rollout: row.rollout, service: row.service, done: this.tell }));
    }, () => {});
    return h(
      "article",
      { class: "card", "data-service": row.service },
      h("h3", {}, h("button", { type: "button", class: "link", onclick: () => go({ rollout: row.rollout, service: row.service }) }, row.service)),
      h("p", {}, attention.sentence),
      h(
        "p",
        { class: "quiet" },
        `since ${clock(attention.since_at)} (${span(Date.now() / 1000 - attention.since_at)})`,
        attention.runbook ? " · " : "",
        attention.runbook ? outside(attention.runbook, "runbook") : null,
        attention.ticket ? ` · ${attention.ticket}` : "",
      ),
      actions,
    );
  }
}
