// Moments and spans as people read them. Moments are POSIX seconds.

const KEY = "rollout.zone";
let utc = localStorage.getItem(KEY) !== "local";

/** Whether moments are shown in UTC. */
export const isUtc = () => utc;

/** Show moments in the other zone. */
export function toggleZone() {
  utc = !utc;
  localStorage.setItem(KEY, utc ? "utc" : "local");
}

/** Give a moment's time of day, with the date where it is another day. */
export function clock(at) {
  const date = new Date(at * 1000);
  const zone = utc ? { timeZone: "UTC" } : {};
  const time = date.toLocaleTimeString("en-GB", zone);
  const day = date.toLocaleDateString("en-CA", zone);
  return `${day === new Date().toLocaleDateString("en-CA", zone) ? "" : `${day} `}${time}${utc ? "Z" : ""}`;
}

/** Give a moment to the minute, for what is only expected. */
export function minute(at) {
  return clock(at).replace(/:\d\d(Z?)$/, "$1");
}

/** Give a span in its two largest units. */
export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${String(s % 60).padStart(2, "0")}s`;
  if (s < 86400) return `${Math.floor(s / 3600)}h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")}m`;
  return `${Math.floor(s / 86400)}d ${Math.floor((s % 86400) / 3600)}h`;
}
