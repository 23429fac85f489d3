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
 * gone. What the system's buffers still take does not wait here: over HTTP/2 the peer has to answer pings instead; over
 * HTTP/1 only the system knows that it gets no acknowledgement, and ends the connection when it gives up retransmitting.
 *
 * @param keepaliveInterval - In seconds; 0 when no comments are written, and then only the system watches.
 */
export function watchPeer(res: ServerResponse, keepaliveInterval: number): void {
  const patience = keepaliveInterval * 1000 * missedIntervals;
  const { stream } = res as { stream?: ServerHttp2Stream };
  if (stream === undefined) {
    const socket = res.socket;
    socket?.setKeepAlive(true, probeAfter);
    // It is told of writes that make progress, not of those that merely begin.
    if (patience > 0) socket?.setTimeout(patience, () => socket.destroy());
    return;
  }
  if (patience === 0) return;
  stream.setTimeout(patience, () => stream.close(cancelled));
  if (stream.session) pingWhileOpen(stream.session as ServerHttp2Session, stream, keepaliveInterval * 1000);
}

interface Pinged {
  readonly streams: Set<ServerHttp2Stream>;
  readonly timer: NodeJS.Timeout;
}

/** Browsers have all streams on one session: one ping asks for them all. */
const pinged = new WeakMap<ServerHttp2Session, Pinged>();

function pingWhileOpen(session: ServerHttp2Session, stream: ServerHttp2Stream, interval: number): void {
  const { streams, timer } = pinged.get(session) ?? beginToPing(session, interval);
  streams.add(stream);
  stream.once("close", () => {
    streams.delete(stream);
    if (streams.size > 0) return;
    clearInterval(timer);
    pinged.delete(session);
  });
}

function beginToPing(session: ServerHttp2Session, interval: number): Pinged {
  let unanswered = 0;
  const timer = setInterval(() => {
    if (session.destroyed || session.closed) return;
    if (unanswered >= missedIntervals) {
      session.destroy();
      return;
    }
    unanswered++;
    session.ping((error) => {
      if (error === null) unanswered = 0;
    });
  }, interval).unref();
  const begun = { streams: new Set<ServerHttp2Stream>(), timer };
  pinged.set(session, begun);
  return begun;
}
