import { request } from "node:http";
import { EventStreamParser } from "../../src/protocol/sse/event-stream-parser.js";
import type { Clock } from "../../src/shared/clock.js";
import type { NodeRecord } from "../faults/checker.js";

/** A stream of one reader: it reconnects as an EventSource does, after the delay that the server has sent. */
export interface Reader {
  /** The data of its events, in the order of their arrival. */
  readonly heard: string[];
  /** The number of times that the server did not know where to resume. */
  gaps: number;
}

/** Readers that connect to a URL of their choice each time, as behind a proxy, and count gaps and refusals. */
export class Readers {
  readonly all: Reader[] = [];
  /** The times of all connects, in milliseconds. */
  readonly connects: number[] = [];
  /** The reconnection delays at the ends of streams, in milliseconds. */
  readonly delays: number[] = [];
  /** The answers other than 200. */
  readonly refusals: string[] = [];
  open = 0;
  /** The number of requests without an answer yet. */
  asking = 0;
  readonly #clock: Clock;
  readonly #url: () => string;
  #isClosed = false;
  readonly #requests = new Set<ReturnType<typeof request>>();

  /** @param url - Returns the URL for the next connect. */
  constructor(clock: Clock, url: () => string) {
    this.#clock = clock;
    this.#url = url;
  }

  /** Adds readers. They connect, and the caller waits for `open`. */
  add(count: number): void {
    for (let i = 0; i < count; i++) {
      const reader: Reader = { heard: [], gaps: 0 };
      this.all.push(reader);
      this.#connect(reader, "", 3000);
    }
  }

  /** Returns the max number of connects within a second. */
  peak(since: number): number {
    const times = this.connects.filter((time) => time >= since).sort((one, other) => one - other);
    let first = 0;
    let peak = 0;
    for (const [index, time] of times.entries()) {
      while (times[first]! <= time - 1000) first++;
      peak = Math.max(peak, index - first + 1);
    }
    return peak;
  }

  /**
   * Returns what the readers have heard since the beginning, for the checker.
   *
   * @param positions - The positions of all updates, by their data.
   */
  records(positions: ReadonlyMap<string, number>): NodeRecord[] {
    const to = Math.max(...positions.values());
    return this.all.map(({ heard }, index) => ({
      name: `reader ${index}`,
      from: 0,
      to,
      heard: heard.map((data) => ({ position: positions.get(data) ?? -1, data })),
      gaps: [],
    }));
  }

  close(): void {
    this.#isClosed = true;
    for (const each of this.#requests) each.destroy();
  }

  #connect(reader: Reader, lastEventId: string, delay: number): void {
    let id = lastEventId;
    let retry = delay;
    let status: number | undefined;
    this.connects.push(this.#clock.now());
    this.asking++;
    const headers = id === "" ? {} : { "Last-Event-ID": id };
    const parser = new EventStreamParser(
      {
        event: ({ data }) => reader.heard.push(data),
        lastEventId: (next) => {
          id = next;
        },
        retry: (milliseconds) => {
          retry = milliseconds;
        },
      },
      id,
    );
    const req = request(this.#url(), { headers, agent: false });
    this.#requests.add(req);
    req.on("response", (res) => {
      this.asking--;
      status = res.statusCode;
      if (status === 200) this.open++;
      else res.once("data", (body: Buffer) => this.refusals.push(`${status} ${body}`));
      if (id !== "" && res.headers["last-event-id"] !== id) reader.gaps++;
      res.on("data", (chunk: Buffer) => parser.push(chunk));
    });
    req.on("error", (error) => {
      if (!this.#isClosed) this.refusals.push(error.message);
    });
    req.on("close", () => {
      this.#requests.delete(req);
      if (status === 200) {
        this.open--;
        if (!this.#isClosed) this.delays.push(retry);
      } else if (status === undefined) this.asking--;
      if (!this.#isClosed) this.#clock.at(this.#clock.now() + retry, () => this.#connect(reader, id, retry));
    });
    req.end();
  }
}
