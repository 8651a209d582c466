// Which release runs where: services by what they run, and what they are wanted to run.

import { get } from "./api.js";
import { h } from "./dom.js";
import { go } from "./route.js";

const NAMED_MAX = 18; // so that the other releases stay in sight
const PAGE = 500;

export class Matrix {
  constructor() {
    this.element = h("div", { class: "matrix", hidden: true });
  }

  async draw() {
    const rows = [];
    let next = null;
    do {
      const query = next ? `&cursor=${encodeURIComponent(next)}` : "";
      const page = await get(`/v1/services?limit=${PAGE}${query}`);
      rows.push(...page.items);
      next = page.next;
    } while (next);
    const releases = new Map();
    for (const row of rows) {
      const name = row.release ?? "nothing";
      if (!releases.has(name)) releases.set(name, []);
      releases.get(name).push(row);
    }
    if (!rows.length) {
      this.element.replaceChildren(h("p", { class: "quiet" }, "no rollout has told of a service yet"));
      return;
    }
    const sorted = [...releases].sort((a, b) => b[1].length - a[1].length);
    this.element.replaceChildren(
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, ...["release", "services", "of them on the way to another", "where"].map((each) => h("th", { scope: "col" }, each)))),
        h("tbody", {}, ...sorted.map(([name, each]) => line(name, each, rows.length))),
      ),
    );
  }
}

function line(name, rows, all) {
  const moving = rows.filter((each) => each.outcome === null && each.wanted !== each.release).length;
  const named = rows.slice(0, NAMED_MAX).map((each) => h("button", { type: "button", class: "link", onclick: () => go({ rollout: each.rollout, service: each.service }) }, each.service));
  const rest = rows.length > NAMED_MAX ? `… and ${rows.length - NAMED_MAX} more` : null;
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, name),
    h("td", { class: "numbers" }, `${rows.length}`, h("progress", { max: all, value: rows.length, "aria-label": `${name} share` })),
    h("td", { class: "numbers" }, `${moving}`),
    h("td", { class: "where" }, ...named, rest),
  );
}
