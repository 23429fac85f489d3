import { setTimeout as sleep } from "node:timers/promises";
import { EventStreamParser, type StreamEvent } from "../../protocol/sse/event-stream-parser.js";
import { retryAfterOf } from "./http-answer.js";

/** One step of a stream that is followed. */
export type Followed =
  /** A connection is open; its head tells where it resumes. */
  | { readonly kind: "open"; readonly response: Response }
  /** The id of the last event is now this one. It comes before the event, and also for a block without data. */
  | { readonly kind: "position"; readonly lastEventId: string }
  | { readonly kind: "event"; readonly event: StreamEvent }
  /** The connection has ended or failed; the next one is opened after `wait` milliseconds. */
  | { readonly kind: "closed"; readonly reason: unknown; readonly wait: number };

export interface FollowOptions {
  readonly url: string;
  /** Gives the headers of each connection, such as a token that must not have expired. */
  headers(): Readonly<Record<string, string>>;
  /** The event to resume after. Default: none. */
  readonly lastEventId?: string;
  /** Ends the following. */
  readonly signal: AbortSignal;
  /**
   * The reconnection time until the server sends one (`retry:`), in milliseconds. It doubles with each failure in a row,
   * and up to half of it is taken off at random.
   */
  readonly minRetry: number;
  /** The longest wait, in milliseconds, whatever the server asks for. `Retry-After` alone can be longer. */
  readonly maxRetry: number;
  /** How many UTF-16 units an event may have; a longer one ends the connection. Default 67,108,864. */
  readonly maxEventLength?: number;
}

/** How long the server may take to answer, in milliseconds. */
const answerTimeout = 10_000;

/** How many UTF-16 units an event may have by default: a server that never ends a line cannot fill the memory. */
const defaultMaxEventLength = 64 * 1024 * 1024;

/** The server answered with something else than an event stream. */
export class NoEventStream extends Error {
  readonly response: Response;

  constructor(response: Response) {
    super(`it answers ${response.status} and no event stream`);
    this.name = "NoEventStream";
    this.response = response;
  }
}

/**
 * Follows an event stream over as many connections as it takes, each of which resumes after the last event. Ends only by
 * the signal, or when the caller leaves the loop: the caller judges which answers are final.
 *
 * `fetch` itself ends a connection on which nothing has come for five minutes.
 */
export async function* followEventStream(options: FollowOptions): AsyncGenerator<Followed, void> {
  const { signal, minRetry, maxRetry } = options;
  let lastEventId = options.lastEventId ?? "";
  let retry = minRetry;
  let failures = 0;
  while (!signal.aborted) {
    // Leaving the loop early ends the connection too.
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

/** The id after which a stream begins, as its server says; undefined when it does not say. */
export function precedingIdOf({ headers }: Response): string | undefined {
  const preceding = headers.get("Mercure-Last-Event-ID") ?? headers.get("Last-Event-ID");
  // Header values are Latin-1 to fetch; ids can be any text, in UTF-8.
  return preceding === null ? undefined : Buffer.from(preceding, "latin1").toString();
}

async function open(
  { url, headers }: FollowOptions,
  lastEventId: string,
  connection: AbortController,
): Promise<Response> {
  const timer = setTimeout(() => connection.abort(new Error("it does not answer")), answerTimeout);
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
): AsyncGenerator<Followed & { kind: "position" | "event" }, void> {
  let steps: (Followed & { kind: "position" | "event" })[] = [];
  let position = lastEventId;
  const receiver = {
    event: (event: StreamEvent) => steps.push({ kind: "event", event }),
    lastEventId: (id: string) => {
      if (id !== position) steps.push({ kind: "position", lastEventId: id });
      position = id;
    },
    retry,
  };
  const parser = new EventStreamParser(receiver, lastEventId, maxEventLength);
  for await (const chunk of body) {
    parser.push(chunk);
    const arrived = steps;
    steps = [];
    yield* arrived;
  }
}

function isEventStream({ status, headers }: Response): boolean {
  return status === 200 && /^text\/event-stream\b/i.test(headers.get("Content-Type") ?? "");
}
