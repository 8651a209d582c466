// Puts the page together: lets somebody in, follows the stream, and draws what changed once per frame.

import { get } from "./api.js";
import { Attention } from "./attention.js";
import { iAm } from "./claim.js";
import { h, put, set } from "./dom.js";
import { Drawer } from "./drawer.js";
import { Grid } from "./grid.js";
import { Health } from "./health.js";
import { listen } from "./keys.js";
import { enter } from "./login.js";
import { Matrix } from "./matrix.js";
import { go, here } from "./route.js";
import { Store } from "./store.js";
import { Stream } from "./stream.js";
import { isUtc, toggleZone } from "./time.js";
import { Verdict } from "./verdict.js";
import { Waves } from "./waves.js";

const RELEASES_MS = 15000; // which release runs where is read anew while it is looked at

const root = document.getElementById("app");
const store = new Store();
store.me = await enter(root);
iAm(store.me.name);

const toast = h("p", { class: "toast", role: "status", hidden: true });
let toastTimer;
function tell(reply) {
  const said = (reply.said ?? []).slice(0, 3).map((each) => `${each.about}: ${each.text}`);
  put(toast, `${reply.kind}${said.length ? ` — ${said.join(" · ")}` : ""}`);
  toast.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (toast.hidden = true), 8000);
}

const stream = new Stream(
  (kind, document) => store.hear(kind, document),
  (state) => {
    store.connection = state;
    store.touch();
  },
);
const verdict = new Verdict(store, tell);
const attention = new Attention(store, tell);
const waves = new Waves(store);
const grid = new Grid(store);
const matrix = new Matrix();
const drawer = new Drawer(store, tell);
const health = new Health(store, stream);

const chosen = h("select", { id: "rollout", "aria-label": "rollout", onchange: () => go({ rollout: chosen.value }) });
const others = h("button", { type: "button", class: "danger", hidden: true, onclick: () => go({ rollout: store.others()[0] }) });
const filter = h("input", { id: "filter", type: "search", placeholder: "filter (/)", "aria-label": "filter", oninput: () => ((grid.filter = filter.value), grid.sort(), grid.place()) });
const by = h("select", { id: "by", "aria-label": "group by", onchange: () => ((grid.by = by.value), grid.sort(), grid.place()) });
const tabs = ["grid", "releases"].map((view) => h("button", { type: "button", class: "tab", "data-view": view, onclick: () => go({ rollout: store.selected, view }) }, view));
const zone = h("button", { type: "button", class: "plain", title: "UTC or local time", onclick: () => (toggleZone(), put(zone, isUtc() ? "UTC" : "local"), (drawer.version = null), store.touch()) }, isUtc() ? "UTC" : "local");
const theme = h("button", { type: "button", class: "plain", title: "dark or light", onclick: () => paint(document.documentElement.dataset.theme === "dark" ? "light" : "dark") }, "◐");

function paint(name) {
  document.documentElement.dataset.theme = name;
  localStorage.setItem("rollout.theme", name);
}
paint(localStorage.getItem("rollout.theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));

root.replaceChildren(
  h("header", { class: "top row" }, h("img", { src: "icon.svg", alt: "", width: 22, height: 22 }), h("b", {}, "rollout"), chosen, others, h("span", { class: "grow" }), zone, theme, h("span", { class: "quiet who" }, `${store.me.name} · ${store.me.roles.join(", ")}`)),
  health.banner,
  verdict.element,
  h(
    "div",
    { class: "desk" },
    h(
      "div",
      { class: "work" },
      attention.element,
      waves.element,
      h("nav", { class: "tools row" }, ...tabs, h("span", { class: "grow" }), by, filter),
      h("div", { class: "stage" }, grid.element, matrix.element),
    ),
    drawer.element,
  ),
  health.element,
  toast,
);

function draw() {
  const ids = [...store.heads.keys()].reverse();
  const wanted = ids.map((id) => `${store.heads.get(id).attention ? "! " : ""}${id}`);
  if (chosen.dataset.drawn !== wanted.join("\n")) {
    chosen.dataset.drawn = wanted.join("\n");
    chosen.replaceChildren(...ids.map((id, at) => h("option", { value: id }, wanted[at])));
  }
  if (store.selected === null && store.first() !== null) show();
  if (chosen.value !== store.selected) chosen.value = store.selected ?? "";
  groupings();
  for (const part of [verdict, attention, waves, grid, drawer, health]) part.draw();
  const waiting = store.others();
  others.hidden = waiting.length === 0;
  put(others, waiting.length === 1 ? `${waiting[0]} needs you` : `${waiting.length} others need you`);
  document.title = `${store.head?.attention || waiting.length ? "(!) " : ""}${store.selected ?? "rollout"}`;
}

function groupings() {
  const tags = new Set([...store.services.values()].flatMap((row) => Object.keys(row.tags)));
  const wanted = ["", "wave", "phase", ...[...tags].sort().map((each) => `tag:${each}`)];
  if (by.dataset.drawn === wanted.join(" ")) return;
  by.dataset.drawn = wanted.join(" ");
  by.replaceChildren(...wanted.map((each) => h("option", { value: each }, each ? `by ${each}` : "no groups")));
  by.value = grid.by;
}

/** Show what the address says; what the stream did not bring is read. */
async function show() {
  const { rollout, service, view } = here();
  const wanted = rollout ?? store.first();
  if (wanted !== store.selected) {
    store.selected = wanted;
    grid.body.scrollTop = 0;
  }
  if (wanted !== null && store.heads.size && !store.rows.has(wanted)) {
    store.rows.set(wanted, new Map()); // asked for once
    await get(`/v1/rollouts/${encodeURIComponent(wanted)}`).then((document) => store.fill(document), (problem) => tell({ kind: "refused", said: [{ about: wanted, text: problem.message }] }));
  }
  grid.element.hidden = view !== "grid";
  matrix.element.hidden = view !== "releases";
  for (const tab of tabs) set(tab, "aria-pressed", String(tab.dataset.view === view));
  if (view === "releases") releases();
  drawer.open(wanted, service);
  store.touch();
}

function releases() {
  matrix.draw().catch((problem) => tell({ kind: "refused", said: [{ about: "releases", text: problem.message }] }));
}

store.onEngine = async () => {
  store.freeze = await get("/v1/freeze").catch(() => store.freeze);
  store.touch();
};
store.onSnapshot = show;
store.listen(draw);
addEventListener("hashchange", show);
addEventListener("click", (event) => !verdict.all.contains(event.target) && !event.target.closest("dialog") && (verdict.all.open = false));
setInterval(() => (grid.place(), attention.tick()), 1000); // spans go on
setInterval(() => !matrix.element.hidden && !document.hidden && releases(), RELEASES_MS);
listen({ grid, filter, store });
health.start();
show();
stream.run();
