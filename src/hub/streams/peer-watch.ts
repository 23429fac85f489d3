import type { ServerResponse } from "node:http";
import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";

/** The max number of keep-alive intervals without a sign of life. A peer counts as gone after them. */
export const missedIntervals = 3;

/**
 * The max silence, in milliseconds, on a connection without comments. The system then probes the peer. If the peer does
 * not answer, most systems take about ten seconds more to end the connection.
 */
const probeAfter = 60_000;

/** NGHTTP2_CANCEL: the stream is no longer needed. RFC 9113, section 7. */
const cancelled = 8;

/**
 * Ends the connection of a peer that has vanished silently, for example by loss of power or network.
 *
 * The hub writes comments to every stream. A peer is gone if it takes no byte of its waiting data in three intervals.
 * Over HTTP/1 the {@link Connection} checks this. Data that still fits into the system's buffers does not count as
 * waiting. Over HTTP/2 the peer must therefore answer pings. Over HTTP/1 only the system sees the missing
 * acknowledgements, and it ends the connection when it stops retransmitting.
 *
 * @param keepaliveInterval - The interval in seconds. With 0 the hub writes no comments, and only the system watches.
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

/** The watched sessions. A browser has all its streams on one session, so one ping checks them all. */
const sessions = new WeakMap<ServerHttp2Session, WatchedSession>();

/** An HTTP/2 session that receives pings while it has streams. */
class WatchedSession {
  readonly #session: ServerHttp2Session;
  readonly #interval: number;
  /** The streams, each with its waiting bytes and the number of intervals since they last decreased. */
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
      // Pings postpone the stream's own timeout, so it cannot be used here. Data that was only just written does not
      // count.
      const waiting = stream.writableNeedDrain ? stream.bufferSize : 0;
      const intervals = waiting > 0 && waiting === before.waiting ? before.intervals + 1 : 0;
      this.#streams.set(stream, { waiting, intervals });
      if (intervals < missedIntervals) continue;
      stream.close(cancelled);
      // `close()` alone waits for pending data, so the stream would never end.
      stream.destroy();
    }
  }
}
