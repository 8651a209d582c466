// The foot of the page: whether what is shown is fresh, and how much of what is allowed is used.

import { get } from "./api.js";
import { h, put, set } from "./dom.js";
import { clock, span } from "./time.js";

const EVERY_MS = 5000;
const STALE_S = 25;

export class Health {
  constructor(store, stream) {
    this.store = store;
    this.stream = stream;
    this.said = h("span");
    this.again = h("button", { type: "button", class: "plain", hidden: true, onclick: () => location.reload() }, "let me in again");
    this.banner = h("p", { class: "stale row", role: "alert", hidden: true }, this.said, this.again);
    this.fields = Object.fromEntries(["stream", "reads", "writes", "lag", "caps", "holds", "journal"].map((each) => [each, h("span", { "data-field": each })]));
    this.element = h("footer", { class: "health", "aria-label": "engine" }, ...Object.values(this.fields));
  }

  /** Look at the engine for ever, and at the clock each second. */
  start() {
    const look = async () => {
      if (!document.hidden) this.store.status = await get("/v1/status").catch(() => this.store.status);
      this.draw();
    };
    look();
    setInterval(look, EVERY_MS);
    setInterval(() => this.draw(), 1000);
  }

  draw() {
    const { status, connection, position } = this.store;
    const age = (performance.now() - this.stream.heardAt) / 1000;
    const stale = connection !== "open" || age > STALE_S;
    this.banner.hidden = !stale || connection === "opening";
    const since = this.stream.heardAt === 0 ? "No news yet" : `No news for ${span(age)}: what you see may be old`;
    if (stale) put(this.said, `${since}. ${connection === "refused" ? "You are not let in any more: the token has ended or was revoked." : "Connecting again…"}`);
    this.again.hidden = connection !== "refused";
    set(this.fields.stream, "data-state", stale ? "bad" : "good");
    put(this.fields.stream, stale ? "stream broken" : `live · position ${position}`);
    if (!status) return;
    for (const kind of ["read", "write"]) put(this.fields[`${kind}s`], budget(status.budget, kind));
    put(this.fields.lag, `polls late ${status.poll_lag_s.toFixed(1)}s · loop ${(status.loop_lag_s * 1000).toFixed(0)}ms · undecided ${span(status.undecided_s)}`);
    set(this.fields.lag, "data-state", status.poll_lag_s > 30 || status.loop_lag_s > 0.5 ? "bad" : "good");
    put(this.fields.caps, caps(status));
    const holds = Object.entries(status.holds).map(([reason, count]) => `${count} ${reason}`);
    put(this.fields.holds, holds.length ? `held: ${holds.join(", ")}` : "nothing held");
    put(this.fields.journal, status.trouble ? `trouble: ${status.trouble}` : `journal ${status.journal.sync_ms.toFixed(0)}ms · up since ${clock(status.started)}`);
    set(this.fields.journal, "data-state", status.trouble ? "bad" : "good");
  }
}

function budget(all, kind) {
  const of = all.filter((each) => each.kind === kind);
  const rate = of.reduce((sum, each) => sum + each.rate, 0);
  const waiting = of.reduce((sum, each) => sum + each.waiting, 0);
  const throttled = of.reduce((sum, each) => sum + each.throttles, 0);
  return `${kind}s ${rate >= 10 ? rate.toFixed(0) : rate.toFixed(1)}/s${waiting ? `, ${waiting} wait` : ""}${throttled ? `, throttled ${throttled}×` : ""}`;
}

function caps(status) {
  const named = status.caps.map((each) => `${each.what} ${each.used}/${each.limit}`);
  return named.length ? `down or in flight: ${named.join(", ")}` : `${status.in_flight} in flight, no caps set`;
}
