import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { Chunk } from "../fan-out/chunk.js";
import { Connection, type ConnectionOwner, streamHeaders } from "./connection.js";
import { missedIntervals, watchPeer } from "./peer-watch.js";

/**
 * Several event streams on one connection. Each part is the answer to a request of its own: the hub authorizes, limits
 * and ends it like any other stream. The bytes of a part come in frames. The line before a frame is a comment for an
 * EventSource. It has the number of the part, and one of these:
 *
 * - `:3 {"status":200,"headers":{…}}`: the head of the part
 * - `:3 120`: the next 120 bytes are events of the part
 * - `:3 0`: the part has ended
 */
export class StreamBundle implements ConnectionOwner {
  readonly #res: ServerResponse;
  readonly #interval: number;
  readonly #connection: Connection;
  readonly #open = new Set<BundledStream>();
  #size = 0;
  #frames: Buffer[] = [];
  #isOpen = false;
  #isScheduled = false;

  /** @param keepaliveInterval - The interval of the parts' comments in seconds; 0 for none. */
  constructor(res: ServerResponse, keepaliveInterval: number) {
    this.#res = res;
    this.#interval = keepaliveInterval;
    this.#connection = new Connection(res, keepaliveInterval * 1000 * missedIntervals);
  }

  /** Returns the response for a part. The connection ends with the last one. */
  add(number: number): ServerResponse {
    const part = new BundledStream(number, this);
    this.#open.add(part);
    this.#size++;
    return part as unknown as ServerResponse;
  }

  /** Queues a frame until the end of the turn. Returns whether the client has taken everything before. */
  frame(line: string, bytes?: Buffer): boolean {
    this.#frames.push(Buffer.from(`:${line}\n`));
    if (bytes !== undefined) this.#frames.push(bytes);
    this.#schedule();
    return this.#connection.ready;
  }

  remove(part: BundledStream): void {
    this.#open.delete(part);
    this.#schedule();
  }

  waits(): boolean {
    return true;
  }

  /**
   * Ends the connection of a client that has not taken all written bytes. Otherwise the client keeps the other parts.
   */
  cut(): void {
    if (!this.#connection.ready) this.#connection.end();
    if (this.#connection.closed) this.closed();
  }

  drained(): void {
    this.#flush();
    if (this.#connection.ready) for (const part of this.#open) part.emit("drain");
  }

  closed(): void {
    this.#frames = [];
    for (const part of this.#open) {
      part.mayReturn = this.#size > 1;
      part.cut();
    }
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#connection.closed) {
      this.closed();
      return;
    }
    if (!this.#isOpen) {
      this.#isOpen = true;
      this.#connection.open(streamHeaders, this);
      watchPeer(this.#res, this.#interval);
    }
    if (this.#frames.length > 0 && this.#connection.ready) {
      const frames = this.#frames;
      this.#frames = [];
      this.#connection.write(new Chunk(frames));
    }
    if (this.#open.size === 0 && this.#frames.length === 0) this.#connection.end();
  }
}

/** The part of a response that the hub uses, for one stream of a bundle. It is its own source, as over HTTP/2. */
class BundledStream extends EventEmitter {
  readonly #number: number;
  readonly #bundle: StreamBundle;
  #isStream = false;
  /**
   * Whether the connection of several streams has ended. The tab that read for others may have been closed, and they
   * continue on other connections, one after the other. A stream that was left on purpose looks the same.
   */
  mayReturn = false;
  headersSent = false;
  writableEnded = false;
  destroyed = false;

  constructor(number: number, bundle: StreamBundle) {
    super();
    this.#number = number;
    this.#bundle = bundle;
  }

  get socket(): this {
    return this;
  }

  setKeepAlive(): void {}

  hasHeader(): boolean {
    return false;
  }

  getHeader(): void {}

  /** Does nothing: the whole connection has the headers for other origins. */
  setHeader(): void {}

  writeHead(status: number, headers: object): this {
    this.#isStream = status === 200;
    this.headersSent = true;
    this.#bundle.frame(`${this.#number} ${JSON.stringify({ status, headers })}`);
    return this;
  }

  /** Writes events. No client reads the text of a refusal. */
  write(bytes: Buffer): boolean {
    if (!this.#isStream || this.destroyed || bytes.length === 0) return true;
    return this.#bundle.frame(`${this.#number} ${bytes.length}`, bytes);
  }

  end(text: string | Buffer = ""): this {
    if (this.writableEnded) return this;
    this.write(Buffer.from(text));
    this.writableEnded = true;
    this.#bundle.frame(`${this.#number} 0`);
    this.#bundle.remove(this);
    return this;
  }

  /** Ends the part in the middle, as when a slow client exceeds a limit. */
  close(): void {
    this.end();
    this.cut();
    this.#bundle.cut();
  }

  destroy(): void {
    this.close();
  }

  cut(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#bundle.remove(this);
    // The owner hears of the end later, as with a socket: its group can be in the middle of a delivery.
    process.nextTick(() => this.emit("close"));
  }
}
