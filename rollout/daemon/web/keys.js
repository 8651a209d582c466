// The keyboard: / filters, j and k (or arrows) move, Enter opens, Escape closes, r shows releases, g the grid.

import { go, here } from "./route.js";

/** Close what hangs open, such as the list of more words; tell whether anything did. */
function closed(target) {
  const open = document.querySelector("details.all[open]");
  if (!open) return false;
  open.open = false;
  if (open.contains(target)) open.querySelector("summary").focus();
  return true;
}

/** Hear keys wherever nobody is typing. */
export function listen({ grid, filter, store }) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const typing = event.target.matches("input, textarea, select");
    if (event.key === "Escape") {
      if (typing) event.target.blur();
      else if (closed(event.target)) return;
      else if (here().service) {
        go({ rollout: store.selected });
        grid.body.focus({ preventScroll: true }); // where the hand came from
      }
      return;
    }
    if (typing || (event.key.startsWith("Arrow") && event.target.closest(".drawer, .matrix, .needs, details"))) return;
    const does = {
      "/": () => filter.focus(),
      j: () => grid.move(1),
      ArrowDown: () => grid.move(1),
      k: () => grid.move(-1),
      ArrowUp: () => grid.move(-1),
      Enter: () => grid.cursor && !event.target.matches("button, a") && go({ rollout: store.selected, service: grid.cursor }),
      r: () => go({ rollout: store.selected, view: "releases" }),
      g: () => go({ rollout: store.selected }),
    }[event.key];
    if (!does || (event.key === "Enter" && event.target.matches("button, a"))) return;
    event.preventDefault();
    does();
  });
}
