import { EventStreamParser, type EventStreamReceiver } from "../../protocol/sse/event-stream-parser.js";
import { parseRetryAfter } from "./reconnect-delay.js";
import { replacement } from "./replacement.js";
import { requestFor, type StreamAddress, type StreamRequest } from "./stream-address.js";

export interface ConnectionReceiver extends EventStreamReceiver {
  /**
   * Called when the server has answered, and again when a new shared connection has replaced the last one.
   *
   * @param origin - The origin that has answered.
   */
  opened(headers: Headers, origin: string): void;
  /** Called for all bytes, comments included. */
  heard(): void;
}

/** One reading of a stream, from a position until the connection ends. */
export interface Reading {
  readonly address: StreamAddress;
  /** The id of the last event before the reading. Empty begins with the next event. */
  readonly cursor: string;
  /** The origin of the page. */
  readonly origin: string;
  readonly receiver: ConnectionReceiver;
  readonly signal: AbortSignal;
  /** The max time until the server answers, in milliseconds. A request over a dead network would wait for minutes. */
  readonly timeout: number;
}

/** The end of a connection. */
export type Outcome =
  /** The server has ended the stream for good. */
  | { readonly kind: "gone"; readonly status: number; readonly reason: string }
  /** The server refuses this token, or asks for one. */
  | { readonly kind: "refused"; readonly status: number; readonly reason: string }
  /** The server has completed its answer, as at the end of a connection's lifetime. */
  | { readonly kind: "completed"; readonly reason: string }
  | Interruption;

/** A temporary end: the answer of a proxy during a deployment, or a lost network. */
export interface Interruption {
  readonly kind: "interrupted";
  readonly reason: string;
  /** The server's `Retry-After`, in milliseconds; 0 without the header. */
  readonly retryAfter: number;
  /** Whether the server is down or busy. Other answers, such as a page, suggest a wrong address. */
  readonly isOutage: boolean;
}

/** Makes one request and passes on its events until it ends. The promise never rejects: an aborted request just ends. */
export async function readStream(reading: Reading): Promise<Outcome> {
  const { address, cursor, origin, receiver, signal } = reading;
  const attempt = new AbortController();
  const abort = () => attempt.abort();
  signal.addEventListener("abort", abort, { once: true });
  const timer = setTimeout(abort, reading.timeout);
  try {
    const request = requestFor(address, cursor, origin);
    const response = await ask(request, attempt.signal).finally(() => clearTimeout(timer));
    const ending = classify(response);
    if (ending) {
      response.body?.cancel().catch(() => {});
      return ending;
    }
    receiver.opened(response.headers, new URL(response.url).origin);
    const parser = new EventStreamParser(receiver, cursor);
    const reader = response.body?.getReader();
    while (reader && !signal.aborted) {
      const { value, done } = await reader.read();
      if (done) return { kind: "completed", reason: "ended by the server" };
      receiver.heard();
      await replacement.ready;
      parser.push(value);
    }
  } catch {
    // The server cannot be reached, or the connection breaks.
  } finally {
    signal.removeEventListener("abort", abort);
  }
  return interrupted("no connection");
}

function ask({ url, headers }: StreamRequest, signal: AbortSignal): Promise<Response> {
  return fetch(url, {
    headers,
    // The request has credentials, like the EventSource of htmx's extension, because a hub can authorize by cookies.
    credentials: "include",
    cache: "no-store",
    // The target of a redirect must not get the token.
    redirect: headers.Authorization === undefined ? "follow" : "manual",
    signal,
  });
}

/** Returns the end that an answer means; undefined for a stream. */
function classify(response: Response): Outcome | undefined {
  const { status } = response;
  const reason = response.type === "opaqueredirect" ? "a redirect" : `status ${status}`;
  if (status === 204 || status === 410) return { kind: "gone", status, reason };
  if (status === 401 || status === 403) return { kind: "refused", status, reason };
  const retryAfter = parseRetryAfter(response.headers.get("Retry-After"), Date.now());
  if (status !== 200) return interrupted(reason, retryAfter, status >= 500 || status === 429 || status === 408);
  const type = response.headers.get("Content-Type") ?? "";
  if (/^\s*text\/event-stream\s*(;|$)/i.test(type)) return undefined;
  return interrupted(`content type "${type}"`, retryAfter, false);
}

export function interrupted(reason: string, retryAfter = 0, isOutage = true): Interruption {
  return { kind: "interrupted", reason, retryAfter, isOutage };
}

/** The parts of connections. The script of shared connections receives them, so that it needs no copies. */
export const wire = [readStream, classify, EventStreamParser, replacement] as const;

export type Wire = typeof wire;
