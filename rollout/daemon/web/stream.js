// The event stream, by fetch: so the token goes in a header and never into an address. It comes again by itself.

import { authorization } from "./api.js";

const WAIT_MS = [500, 1000, 2000, 5000, 10000];
const SILENT_MS = 30000;

/** Follow events for ever; `hear(kind, document)` gets each, `state(word)` how the connection does. */
export class Stream {
  constructor(hear, state) {
    this.hear = hear;
    this.state = state;
    this.last = null; // the position to go on from
    this.heardAt = 0; // when something came, in milliseconds of this page
    this.fails = 0;
    this.stopped = false;
    this.abort = null;
  }

  async run() {
    while (!this.stopped) {
      try {
        await this.once();
      } catch (error) {
        if (error.final) {
          this.state(error.final);
          return;
        }
      }
      if (this.stopped) return;
      this.state("broken");
      await new Promise((resume) => setTimeout(resume, WAIT_MS[Math.min(this.fails++, WAIT_MS.length - 1)]));
    }
  }

  stop() {
    this.stopped = true;
    this.abort?.abort();
  }

  async once() {
    this.abort = new AbortController();
    const headers = { Accept: "text/event-stream", ...authorization() };
    if (this.last !== null) headers["Last-Event-ID"] = String(this.last);
    const answer = await fetch("/v1/events", { headers, signal: this.abort.signal, cache: "no-store" });
    if (answer.status === 401 || answer.status === 403) throw Object.assign(new Error("refused"), { final: "refused" });
    if (answer.status === 410) this.last = null; // what was missed is not kept any more: begin with how all stands
    if (!answer.ok) throw new Error(String(answer.status));
    this.state("open");
    const watch = setInterval(() => performance.now() - this.heardAt > SILENT_MS && this.abort.abort(), 5000);
    try {
      await this.read(answer.body.getReader());
    } finally {
      clearInterval(watch);
    }
  }

  async read(reader) {
    const decoder = new TextDecoder();
    let rest = "";
    this.heardAt = performance.now();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.heardAt = performance.now();
      const events = (rest + decoder.decode(value, { stream: true })).split("\n\n");
      rest = events.pop();
      for (const text of events) this.take(text);
    }
  }

  take(text) {
    let kind = "message";
    let data = "";
    let id = null;
    for (const line of text.split("\n")) {
      if (line.startsWith("event: ")) kind = line.slice(7);
      else if (line.startsWith("data: ")) data += line.slice(6);
      else if (line.startsWith("id: ")) id = Number(line.slice(4));
    }
    if (data) this.hear(kind, JSON.parse(data));
    if (id !== null) this.last = id; // only once it has been taken in
    this.fails = 0;
  }
}
