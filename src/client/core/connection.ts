import { EventStreamParser, type EventStreamReceiver } from "../../protocol/sse/event-stream-parser.js";
import { parseRetryAfter } from "./reconnect-delay.js";
import { requestFor, type StreamAddress, type StreamRequest } from "./stream-address.js";

export interface ConnectionReceiver extends EventStreamReceiver {
  /**
   * Called once, when the server has answered.
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
  /** The id of the last event before the reading. Empty means from now. */
  readonly cursor: string;
  readonly pageOrigin: string;
  readonly receiver: ConnectionReceiver;
  readonly signal: AbortSignal;
  /** The max time until the server answers, in milliseconds. A request over a dead network would wait for minutes. */
  readonly answerTimeout: number;
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

/** Anything else can pass: the answer of a proxy during a deployment, or a lost network. */
export interface Interruption {
  readonly kind: "interrupted";
  readonly reason: string;
  /** In milliseconds; 0 without a `Retry-After` header. */
  readonly retryAfter: number;
  /** Whether the server is down or busy. Other answers, such as a page, suggest a wrong address. */
  readonly isOutage: boolean;
}

/** Makes one request and passes on its events until it ends. The promise never rejects: an aborted request just ends. */
export async function readStream(reading: Reading): Promise<Outcome> {
  const { address, cursor, pageOrigin, receiver, signal } = reading;
  const attempt = new AbortController();
  const abort = () => attempt.abort();
  signal.addEventListener("abort", abort, { once: true });
  const timer = setTimeout(abort, reading.answerTimeout);
  try {
    const request = requestFor(address, cursor, pageOrigin);
    const response = await ask(request, attempt.signal).finally(() => clearTimeout(timer));
    if (response === undefined) return interrupted("the server cannot be reached");
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
      if (done) return { kind: "completed", reason: "the server ended the connection" };
      receiver.heard();
      parser.push(value);
    }
    return interrupted("the connection ended");
  } catch {
    return interrupted("the connection was cut");
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function ask({ url, headers }: StreamRequest, signal: AbortSignal): Promise<Response | undefined> {
  return fetch(url, {
    headers,
    // The request has credentials, like the EventSource of htmx's extension, because a hub can authorize by cookies.
    credentials: "include",
    cache: "no-store",
    // The target of a redirect must not get the token.
    redirect: headers.Authorization === undefined ? "follow" : "manual",
    signal,
  }).catch(() => undefined);
}

function classify(response: Response): Outcome | undefined {
  const { status } = response;
  const reason = response.type === "opaqueredirect" ? "a redirect" : `status ${status}`;
  if (status === 204 || status === 410) return { kind: "gone", status, reason };
  if (status === 401 || status === 403) return { kind: "refused", status, reason };
  const retryAfter = parseRetryAfter(response.headers.get("Retry-After"), Date.now());
  if (status !== 200) return interrupted(reason, retryAfter, status >= 500 || status === 429 || status === 408);
  const type = response.headers.get("Content-Type") ?? "";
  if (/^\s*text\/event-stream\s*(;|$)/i.test(type)) return undefined;
  return interrupted(`content type "${type}" instead of text/event-stream`, retryAfter, false);
}

export function interrupted(reason: string, retryAfter = 0, isOutage = true): Interruption {
  return { kind: "interrupted", reason, retryAfter, isOutage };
}
