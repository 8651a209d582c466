// The address says what is shown, so a link leads back to it: #/r/ROLLOUT, #/r/ROLLOUT/s/SERVICE, #/r/ROLLOUT/releases.

/** Read the address; one that cannot be read names nothing. */
export function here() {
  const parts = location.hash.split("/").map(read);
  if (parts[1] !== "r" || !parts[2]) return { rollout: null, service: null, view: "grid" };
  const service = parts[3] === "s" && parts[4] ? parts[4] : null;
  return { rollout: parts[2], service, view: parts[3] === "releases" ? "releases" : "grid" };
}

function read(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}

/** Go to a rollout, a service of it, or another view of it. */
export function go({ rollout, service = null, view = "grid" }) {
  const end = service ? `/s/${encodeURIComponent(service)}` : view === "releases" ? "/releases" : "";
  const wanted = `#/r/${encodeURIComponent(rollout)}${end}`;
  if (location.hash !== wanted) location.hash = wanted;
}
