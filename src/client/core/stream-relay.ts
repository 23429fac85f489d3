import type { ConnectionReceiver } from "./connection.js";
import { isHeaderOf } from "./stream-address.js";

/** One connection of a stream. */
interface Line {
  /**
   * The ids of the events that the line before has brought since the request for this line. This line brings them
   * again.
   */
  readonly known: Set<string>;
}

/** The names of the header with the position of the hub's answer, in both versions of the protocol. */
const positionHeaders = ["Mercure-Last-Event-ID", "Last-Event-ID"];

/**
 * Passes on the events of a stream whose connection is replaced. The last connection stays in use until the next one
 * has opened, so the stream is never closed in between. Each event is passed on once.
 */
export class StreamRelay {
  readonly #receiver: ConnectionReceiver;
  #cursor: string;
  #open: Line | undefined;
  /** The lines that can still open, in the order of their requests. */
  readonly #pending = new Set<Line>();

  constructor(receiver: ConnectionReceiver, cursor: string) {
    this.#receiver = receiver;
    this.#cursor = cursor;
  }

  /** The position of the stream. A new connection must begin there. */
  get cursor(): string {
    return this.#cursor;
  }

  /**
   * Returns the receiver of a connection that begins at the present position.
   *
   * @param isWanted - Returns whether the receiver can pass on anything.
   * @param opened - Called when the connection has opened. Earlier connections pass on nothing from then on.
   */
  next(isWanted: () => boolean, opened = () => {}): ConnectionReceiver {
    const line: Line = { known: new Set() };
    /** The position of the line. At first, it is the position of the line's request. */
    let last = this.#cursor;
    let isRepeated = false;
    const isSilent = () => !isWanted() || this.#open !== line;
    this.#pending.add(line);
    return {
      opened: (headers, origin) => {
        if (!isWanted() || !this.#switchTo(line)) return;
        // The leader's own connection can be replaced meanwhile. It opens again, at the position that it has reached.
        this.#receiver.opened(this.#told(headers, last), origin);
        opened();
      },
      heard: () => {
        if (!isSilent()) this.#receiver.heard();
      },
      event: (event) => {
        if (!isSilent() && !isRepeated) this.#receiver.event(event);
      },
      lastEventId: (id) => {
        if (isSilent()) return;
        // A block without an id has the id of the last one.
        const isNew = id !== last;
        last = id;
        isRepeated = isNew && line.known.has(id);
        if (isRepeated) return;
        if (isNew) this.#move(id, line);
        this.#receiver.lastEventId(this.#cursor);
      },
      retry: (milliseconds) => {
        if (!isSilent()) this.#receiver.retry(milliseconds);
      },
    };
  }

  /** Returns whether a line is now the open one. A later line can have opened before it. */
  #switchTo(line: Line): boolean {
    if (!this.#pending.has(line)) return this.#open === line;
    for (const other of this.#pending) {
      this.#pending.delete(other);
      if (other === line) break;
    }
    this.#open = line;
    return true;
  }

  #move(id: string, line: Line): void {
    this.#cursor = id;
    // All lines have the same order, so no known event follows a new one.
    line.known.clear();
    for (const { known } of this.#pending) known.add(id);
  }

  /**
   * Returns the headers of an answer. An answer with a gap also says where the stream continues. Without a gap, the
   * stream may have advanced since the request.
   */
  #told(headers: Headers, requested: string): Headers {
    const told = positionHeaders.map((name) => headers.get(name)).find((value) => value !== null);
    if (told === undefined || told === null) return headers;
    const hasMoved = this.#cursor !== requested;
    const isGap = requested !== "" && !isHeaderOf(requested, told);
    if (told.startsWith("#") && (isGap || !hasMoved)) this.#cursor = told;
    if (isGap || !hasMoved) return headers;
    const rest = new Headers(headers);
    for (const name of positionHeaders) rest.delete(name);
    return rest;
  }
}
