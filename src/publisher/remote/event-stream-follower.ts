import { setTimeout as sleep } from "node:timers/promises";
import type { StreamEvent } from "../../protocol/sse/event-stream-parser.js";
import { BoundedEventStreamParser } from "./bounded-event-stream-parser.js";
import { retryAfterOf } from "./http-answer.js";

/** A step of a followed stream. */
export type Followed =
  /** A connection is open. The response's headers tell where it resumes. */
  | { readonly kind: "open"; readonly response: Response }
  /** The last event id has changed. This step comes before the event itself, and even for a block without data. */
  | { readonly kind: "position"; readonly lastEventId: string }
  | { readonly kind: "event"; readonly event: StreamEvent }
  /** The connection has ended or failed. The next one opens after `wait` milliseconds. */
  | { readonly kind: "closed"; readonly reason: unknown; readonly wait: number };

export interface FollowOptions {
  readonly url: string;
  /** Returns the headers of each connection, such as an unexpired token. */
  headers(): Readonly<Record<string, string>>;
  /** The id of the event to resume after. Default: none. */
  readonly lastEventId?: string;
  /** Stops following the stream. */
  readonly signal: AbortSignal;
  /**
   * The reconnection time until the server sends one (`retry:`), in milliseconds. It doubles with each consecutive
   * failure, minus a random jitter of up to half.
   */
  readonly minRetry: number;
  /** The max wait, in milliseconds, for any reconnection time. Only `Retry-After` can exceed it. */
  readonly maxRetry: number;
  /** The max length of an event, in UTF-16 units. A longer event ends the connection. Default 67,108,864. */
  readonly maxEventLength?: number;
}

/** A step that the server's bytes cause. */
type Received = Extract<Followed, { kind: "position" | "event" }>;

/** The max time until the server answers, in milliseconds. */
const answerTimeout = 10_000;

/**
 * The default max length of an event, in UTF-16 units. It stops a server that never ends a line from filling the
 * memory.
 */
const defaultMaxEventLength = 64 * 1024 * 1024;

/** The server's answer is not an event stream. */
export class NoEventStream extends Error {
  readonly response: Response;

  constructor(response: Response) {
    super(`it answered ${response.status} without an event stream`);
    this.name = "NoEventStream";
    this.response = response;
  }
}

/**
 * Follows an event stream, and reconnects after the last event whenever a connection ends. The loop ends only by the
 * signal or by its caller: the caller decides whether an answer is final.
 *
 * `fetch` itself ends a connection after five minutes without data.
 */
export async function* followEventStream(options: FollowOptions): AsyncGenerator<Followed, void> {
  const { signal, minRetry, maxRetry } = options;
  let lastEventId = options.lastEventId ?? "";
  let retry = minRetry;
  let failures = 0;
  while (!signal.aborted) {
    // Leaving the loop early also ends the connection.
    const connection = new AbortController();
    const abort = () => connection.abort(signal.reason);
    signal.addEventListener("abort", abort);
    let reason: unknown;
    let retryAfter = 0;
    try {
      const response = await open(options, lastEventId, connection);
      failures = 0;
      yield { kind: "open", response };
      const onRetry = (milliseconds: number) => {
        retry = milliseconds;
      };
      for await (const step of read(response.body!, lastEventId, onRetry, options.maxEventLength)) {
        if (step.kind === "position") lastEventId = step.lastEventId;
        yield step;
      }
    } catch (error) {
      reason = error;
      failures++;
      if (error instanceof NoEventStream) retryAfter = retryAfterOf(error.response);
    } finally {
      signal.removeEventListener("abort", abort);
      connection.abort();
    }
    if (signal.aborted) return;
    const backoff = failures === 0 ? retry : retry * 2 ** Math.min(failures, 30) * (0.5 + Math.random() / 2);
    const wait = Math.max(retryAfter, Math.min(maxRetry, backoff));
    yield { kind: "closed", reason, wait };
    await sleep(wait, undefined, { signal }).catch(() => {});
  }
}

/**
 * Returns the id of the event before the stream's first, as the server's headers state it. Returns undefined without
 * such a header.
 */
export function precedingIdOf({ headers }: Response): string | undefined {
  const preceding = headers.get("Mercure-Last-Event-ID") ?? headers.get("Last-Event-ID");
  // `fetch` decodes header values as Latin-1, and ids are UTF-8.
  return preceding === null ? undefined : Buffer.from(preceding, "latin1").toString();
}

async function open(
  { url, headers }: FollowOptions,
  lastEventId: string,
  connection: AbortController,
): Promise<Response> {
  const timer = setTimeout(() => connection.abort(new Error("it did not answer in time")), answerTimeout);
  try {
    const response = await fetch(url, {
      headers: {
        Accept: "text/event-stream",
        ...headers(),
        ...(lastEventId !== "" && { "Last-Event-ID": Buffer.from(lastEventId).toString("latin1") }),
      },
      redirect: "manual",
      signal: connection.signal,
    });
    if (isEventStream(response)) return response;
    await response.body?.cancel();
    throw new NoEventStream(response);
  } finally {
    clearTimeout(timer);
  }
}

async function* read(
  body: AsyncIterable<Uint8Array>,
  lastEventId: string,
  retry: (milliseconds: number) => void,
  maxEventLength = defaultMaxEventLength,
): AsyncGenerator<Received, void> {
  let steps: Received[] = [];
  let position = lastEventId;
  const receiver = {
    event: (event: StreamEvent) => steps.push({ kind: "event", event }),
    lastEventId: (id: string) => {
      if (id !== position) steps.push({ kind: "position", lastEventId: id });
      position = id;
    },
    retry,
  };
  const parser = new BoundedEventStreamParser(receiver, lastEventId);
  for await (const chunk of body) {
    parser.push(chunk);
    parser.check(maxEventLength);
    const arrived = steps;
    steps = [];
    yield* arrived;
  }
}

function isEventStream({ status, headers }: Response): boolean {
  return status === 200 && /^text\/event-stream\b/i.test(headers.get("Content-Type") ?? "");
}
