import type { ServerResponse } from "node:http";
import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";

/** How many keep-alive intervals may pass without a sign of life before a peer counts as gone. */
export const missedIntervals = 3;

/**
 * How long a connection without comments is silent before the system asks the peer whether it is there, in
 * milliseconds. If it does not answer, most systems take some ten seconds more to end the connection.
 */
const probeAfter = 60_000;

/** NGHTTP2_CANCEL: the stream is no longer needed. RFC 9113, section 7. */
const cancelled = 8;

/**
 * Ends the connection of a peer that has vanished without a word, as by loss of power or network.
 *
 * Comments are written to every stream. A peer that takes none of what waits for it, not a byte in three intervals, is
 * gone: over HTTP/1 the {@link Connection} sees to that. What the system's buffers still take does not wait here: over
 * HTTP/2 the peer has to answer pings instead; over HTTP/1 only the system knows that it gets no acknowledgement, and
 * ends the connection when it gives up retransmitting.
 *
 * @param keepaliveInterval - In seconds; 0 when no comments are written, and then only the system watches.
 */
export function watchPeer(res: ServerResponse, keepaliveInterval: number): void {
  const interval = keepaliveInterval * 1000;
  const { stream } = res as { stream?: ServerHttp2Stream };
  if (stream === undefined) {
    if (interval === 0) res.socket?.setKeepAlive(true, probeAfter);
  } else if (interval > 0 && stream.session) {
    const session = stream.session as ServerHttp2Session;
    const watched = sessions.get(session) ?? new WatchedSession(session, interval);
    sessions.set(session, watched);
    watched.add(stream);
  }
}

/** Browsers have all streams on one session: one ping asks for them all. */
const sessions = new WeakMap<ServerHttp2Session, WatchedSession>();

/** A session of HTTP/2 that is asked for life signs while it has streams. */
class WatchedSession {
  readonly #session: ServerHttp2Session;
  readonly #interval: number;
  /** With what waits in each, in bytes, and since how many intervals it has not become less. */
  readonly #streams = new Map<ServerHttp2Stream, { waiting: number; intervals: number }>();
  #timer: NodeJS.Timeout | undefined;
  #unanswered = 0;

  constructor(session: ServerHttp2Session, interval: number) {
    this.#session = session;
    this.#interval = interval;
  }

  add(stream: ServerHttp2Stream): void {
    this.#streams.set(stream, { waiting: 0, intervals: 0 });
    this.#timer ??= setInterval(() => this.#look(), this.#interval).unref();
    stream.once("close", () => {
      this.#streams.delete(stream);
      if (this.#streams.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
      this.#unanswered = 0;
    });
  }

  #look(): void {
    if (this.#unanswered >= missedIntervals) {
      this.#session.destroy();
      return;
    }
    this.#unanswered++;
    this.#session.ping((error) => {
      if (error === null) this.#unanswered = 0;
    });
    for (const [stream, before] of this.#streams) {
      // Not the stream's own timeout, which pings put off; and what was only just written does not count.
      const waiting = stream.writableNeedDrain ? stream.bufferSize : 0;
      const intervals = waiting > 0 && waiting === before.waiting ? before.intervals + 1 : 0;
      this.#streams.set(stream, { waiting, intervals });
      if (intervals < missedIntervals) continue;
      stream.close(cancelled);
      // What waits would otherwise wait on, and the end with it.
      stream.destroy();
    }
  }
}
