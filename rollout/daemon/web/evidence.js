// What stands behind a service's state: every gate with its samples, and what was sent and answered, as text alone.

import { h } from "./dom.js";
import { clock } from "./time.js";

const SHOWN_MAX = 3; // of a gate's samples, before the others are asked for

/** Every recorded sample of every gate, newest first; the older ones are folded away. */
export function gates(found) {
  if (!found.length) return h("p", { class: "quiet" }, "no gate has spoken yet");
  const rows = [...found].reverse().map(sample);
  const older = rows.splice(SHOWN_MAX);
  return h(
    "section",
    { class: "gate" },
    h("h3", {}, `Gates (${found.length})`),
    h("ol", {}, ...rows),
    older.length ? folded("older-gates", `${older.length} older`, h("ol", {}, ...older)) : null,
  );
}

function sample(each) {
  const where = each.domain === null ? "before the change" : `domain ${each.domain}`;
  return h(
    "li",
    { class: "sample" },
    h("p", {}, h("time", { datetime: iso(each.at) }, clock(each.at)), " ", h("b", {}, where), ` ${each.said.replaceAll("_", " ")}`, each.reason ? h("span", { class: "problem" }, ` — ${each.reason}`) : null),
    h("ul", {}, ...each.checks.map((check) => h("li", { "data-verdict": check.verdict }, h("b", {}, `${check.check}: ${check.verdict}`), ` ${check.detail}`))),
  );
}

/** What was sent to the platform and what it answered, newest first, each folded. */
export function exchanges(found) {
  if (!found.length) return null;
  return h("section", { class: "exchanges" }, h("h3", {}, `Requests and answers (${found.length}, secrets left out)`), ...[...found].reverse().map(exchange));
}

function exchange(each) {
  const became = each.status === null ? (each.sent ? "no whole answer" : "not sent") : String(each.status);
  const bad = each.status === null || each.status >= 400;
  return folded(
    `exchange-${each.number}-${each.at}`,
    [h("time", { datetime: iso(each.at) }, clock(each.at)), ` ${each.what} `, h("b", { class: bad ? "problem" : "" }, became)],
    h("p", { class: "quiet" }, `${each.method} ${each.path}`),
    each.request_id ? h("p", { class: "ids" }, each.request_id, h("br"), each.request_id_dashed) : null,
    h("h4", {}, "request"),
    h("pre", { tabindex: "0" }, each.request),
    h("h4", {}, "answer"),
    h("pre", { tabindex: "0" }, each.answer),
    each.cut ? h("p", { class: "quiet" }, "something was too long to be kept") : null,
  );
}

function folded(key, title, ...children) {
  return h("details", { "data-fold": key }, h("summary", {}, ...[title].flat()), ...children);
}

function iso(at) {
  return new Date(at * 1000).toISOString();
}
