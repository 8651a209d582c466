// Services times domains. Only the rows on the screen exist; a row is written again only where something changed.

import { h, put, set } from "./dom.js";
import { go } from "./route.js";
import { span } from "./time.js";

const ROW_PX = 34;
const SPARE = 6;
const SORT_MS = 400;
const ROOMY_MAX = 8; // more domains are drawn smaller
const CELL_PX = 17;
const SMALL_PX = 12;
const COLUMN_PX = 100;
const ORDER = ["failed", "in flight", "queued", "done"];
const MARKS = { "to do": "·", "in work": "▶", done: "■", failed: "✕", "going back": "◀" };

export class Grid {
  constructor(store) {
    this.store = store;
    this.filter = "";
    this.by = "";
    this.items = [];
    this.sortedAt = 0;
    this.shownFor = null;
    this.cursor = null; // the service that the keyboard is on
    this.space = h("div", { class: "space" });
    this.body = h("div", { class: "body", role: "rowgroup", tabindex: "0", onscroll: () => this.place() }, this.space);
    const names = ["service", "domains", "what it does", "since", "way back", "release"];
    this.head = h("div", { class: "head", role: "row" }, ...names.map((each) => h("span", { role: "columnheader" }, each)));
    this.empty = h("p", { class: "quiet empty" });
    this.element = h("div", { class: "grid", role: "table", "aria-label": "services" }, this.head, this.body, this.empty);
    this.pool = [];
    new ResizeObserver(() => this.place()).observe(this.body);
  }

  /** Draw what changed; the order is made anew only now and then, so rows do not jump under a hand. */
  draw() {
    const now = performance.now();
    if (this.shownFor !== this.store.selected || this.items.length === 0 || now - this.sortedAt > SORT_MS) this.sort(now);
    else if (!this.timer) this.timer = setTimeout(() => ((this.timer = null), this.draw()), SORT_MS);
    this.place();
  }

  sort(now = performance.now()) {
    this.sortedAt = now;
    this.shownFor = this.store.selected;
    const word = this.filter.toLowerCase();
    const rows = [...this.store.services.values()].filter((each) => !word || text(each).includes(word));
    const rank = (each) => ORDER.indexOf(each.group) - (each.attention ? 0.5 : 0);
    const sorted = rows.map((each, at) => [rank(each), at, each]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map((each) => each[2]);
    this.items = this.by ? grouped(sorted, this.by) : sorted;
    this.space.style.height = `${this.items.length * ROW_PX}px`;
    const domains = rows.reduce((most, each) => Math.max(most, each.domains.length), 0);
    set(this.element, "data-many", domains > ROOMY_MAX ? "" : null);
    this.element.style.setProperty("--domains", `${Math.max(COLUMN_PX, domains * (domains > ROOMY_MAX ? SMALL_PX : CELL_PX))}px`);
    put(this.empty, this.items.length ? "" : this.store.services.size ? "nothing matches" : "");
    set(this.element, "aria-rowcount", String(this.items.length));
  }

  place() {
    const first = Math.max(0, Math.floor(this.body.scrollTop / ROW_PX) - SPARE);
    const count = Math.min(this.items.length - first, Math.ceil(this.body.clientHeight / ROW_PX) + 2 * SPARE);
    while (this.pool.length < count) this.pool.push(new Line(this.space));
    this.pool.forEach((line, at) => (at < count ? line.show(this.items[first + at], first + at, this.store.services, this.cursor) : line.hide()));
  }

  /** Move the keyboard's row. */
  move(step) {
    const rows = this.items.filter((each) => each.service);
    const at = rows.findIndex((each) => each.service === this.cursor);
    const next = rows[Math.min(Math.max(at + step, 0), rows.length - 1)];
    if (!next) return;
    this.cursor = next.service;
    const y = this.items.indexOf(next) * ROW_PX;
    if (y < this.body.scrollTop) this.body.scrollTop = y;
    if (y + ROW_PX > this.body.scrollTop + this.body.clientHeight) this.body.scrollTop = y + ROW_PX - this.body.clientHeight;
    this.place();
  }
}

class Line {
  constructor(space) {
    this.row = null;
    this.domains = h("span", { class: "domains", role: "cell" });
    this.cells = ["service", "doing", "since", "back", "release"].map((each) => h("span", { class: each, role: "cell" }));
    const [service, doing, since, back, release] = this.cells;
    this.element = h("div", { class: "line", role: "row", onclick: () => this.row?.service && go({ rollout: this.row.rollout, service: this.row.service }) }, service, this.domains, doing, since, back, release);
    space.append(this.element);
  }

  hide() {
    this.element.hidden = true;
  }

  show(item, at, rows, cursor) {
    const row = item.service ? (rows.get(item.service) ?? item) : item;
    const { element } = this;
    element.hidden = false;
    element.style.transform = `translateY(${at * ROW_PX}px)`;
    const [service, doing, since, back, release] = this.cells;
    set(element, "aria-current", row.service && row.service === cursor ? "true" : null);
    if (row.service) put(since, row.outcome ? "" : span(Date.now() / 1000 - row.since_at));
    if (row === this.row) return;
    this.row = row;
    set(element, "data-group", row.group ?? "heading");
    set(element, "data-service", row.service ?? null);
    put(service, row.service ?? row.heading);
    set(service, "title", row.service ?? null);
    const kept = row.attention?.claim ? `✓ ${row.attention.claim.who}: ` : "";
    put(doing, row.service ? row.outcome ? `${row.outcome}: ${row.doing}` : `${kept}${row.doing}` : `${row.count} services`);
    set(doing, "title", row.sentence ?? null);
    put(back, row.service ? row.way_back : "");
    set(back, "title", row.way_back ?? null);
    put(release, row.service ? `${row.release_before ?? "?"} → ${row.release_after ?? "?"}` : "");
    if (!row.service) put(since, "");
    this.mark(row.domains ?? []);
  }

  mark(domains) {
    while (this.domains.childElementCount < domains.length) this.domains.append(h("i", { "aria-hidden": "true" }));
    while (this.domains.childElementCount > domains.length) this.domains.lastChild.remove();
    domains.forEach((each, at) => {
      const cell = this.domains.children[at];
      put(cell, MARKS[each] ?? "?");
      set(cell, "data-domain", each);
    });
    set(this.domains, "data-count", domains.length ? `${domains.filter((each) => each === "done").length}/${domains.length}` : null);
    set(this.domains, "aria-label", domains.map((each, at) => `${at} ${each}`).join(", "));
  }
}

function text(row) {
  const tags = Object.entries(row.tags).map(([name, value]) => `${name}=${value}`);
  return [row.service, row.phase, row.group, row.wave, row.outcome ?? "", row.doing, ...tags].join(" ").toLowerCase();
}

function grouped(rows, by) {
  const groups = new Map();
  for (const row of rows) {
    const name = by === "wave" ? `wave ${row.wave}` : by === "phase" ? row.phase : `${by.slice(4)}: ${row.tags[by.slice(4)] ?? "none"}`;
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(row);
  }
  return [...groups].flatMap(([heading, each]) => [{ heading, count: each.length }, ...each]);
}
