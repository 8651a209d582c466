// What is known: heads by id, rows by rollout and service, the freeze and the engine's status. One redraw per frame.

export class Store {
  constructor() {
    this.heads = new Map();
    this.rows = new Map(); // rollout -> Map(service -> row)
    this.freeze = { frozen: false };
    this.status = null;
    this.me = null;
    this.connection = "opening";
    this.position = 0;
    this.known = false; // the stream has told how everything stands
    this.selected = null; // a rollout's id
    this.changed = new Set(); // services of the selected rollout whose rows changed since the last frame
    this.listeners = [];
    this.scheduled = false;
  }

  /** Call `listener` once in the next frame after anything changed. */
  listen(listener) {
    this.listeners.push(listener);
  }

  touch() {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      for (const listener of this.listeners) listener();
      this.changed.clear();
    });
  }

  hear(kind, document) {
    if (kind === "snapshot") this.begin(document);
    else if (kind === "head") this.heads.set(document.id, document);
    else if (kind === "entry") this.enter(document);
    if (document.position) this.position = Math.max(this.position, document.position);
    this.touch();
  }

  begin(snapshot) {
    this.known = true;
    this.heads = new Map(snapshot.rollouts.map((head) => [head.id, head]));
    this.rows = new Map();
    for (const row of snapshot.services) this.place(row);
    this.freeze = snapshot.freeze ? { frozen: true, ...snapshot.freeze } : { frozen: false };
    this.onSnapshot?.(); // it has no rows of rollouts that are over
  }

  enter(entry) {
    if (entry.row) this.place(entry.row);
    if (entry.rollout === null) this.onEngine?.();
    if (entry.service === null && entry.rollout !== null) this.onRollout?.(entry.rollout);
  }

  place(row) {
    let rows = this.rows.get(row.rollout);
    if (rows === undefined) this.rows.set(row.rollout, (rows = new Map()));
    rows.set(row.service, row);
    if (row.rollout === this.selected) this.changed.add(row.service);
  }

  /** Take a whole rollout that the snapshot did not bring, because it is over. */
  fill(document) {
    this.heads.set(document.id, document);
    this.rows.set(document.id, new Map(document.services.map((row) => [row.service, row])));
    this.touch();
  }

  get head() {
    return this.heads.get(this.selected) ?? null;
  }

  get services() {
    return this.rows.get(this.selected) ?? new Map();
  }

  /** Give the rollout to show first: what needs somebody, else the newest that is open, else the newest. */
  first() {
    const heads = [...this.heads.values()].reverse();
    return (heads.find((each) => each.attention) ?? heads.find((each) => !each.closed) ?? heads[0])?.id ?? null;
  }

  /** Give the other rollouts that need somebody. */
  others() {
    return [...this.heads.values()].filter((each) => each.attention && each.id !== this.selected).map((each) => each.id);
  }
}
