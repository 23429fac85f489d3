import { closeEvent } from "../../protocol/event-types.js";
import type { StreamEvent } from "../../protocol/sse/event-stream-parser.js";
import type { StreamState } from "../index.js";
import { type ConnectionReceiver, type Interruption, interrupted, type Outcome, readStream } from "./connection.js";
import { CLOSED, CONNECTING, EventSourceBase, OPEN } from "./event-source-base.js";
import { Failures } from "./failures.js";
import { noteReceived, receivedCount } from "./received.js";
import { SilenceWatch } from "./silence-watch.js";
import { isHeaderOf, type StreamAddress } from "./stream-address.js";
import { StreamErrorEvent } from "./stream-error-event.js";
import type { StreamReporter } from "./stream-reporter.js";

/** A stream that lasted this long, in milliseconds, counts as working. Its end resets the count of failures. */
const stableAfter = 5_000;
/** The max number of consecutive tokens that expire before an event arrives, for example because a clock is wrong. */
const maxRenewals = 3;

/**
 * An EventSource over fetch. It sends the token and the position as headers, detects gaps in the server's history, and
 * reconnects after every temporary failure. It differs from the standard in two points, because htmx's extension makes
 * another source whenever an error shows CLOSED. A temporary failure never closes the source. A final failure is
 * dispatched while the source is still CONNECTING.
 */
export class StreamSource extends EventSourceBase {
  readonly #reporter: StreamReporter;
  readonly #pageOrigin: string;
  readonly #watch = new SilenceWatch(() => {
    this.#enter("offline");
    void this.#connect();
  });
  #address: StreamAddress;
  #cursor: string;
  #previousCursor = "";
  /** The number of events that the page had received when the stream took its position from a rendering. */
  #renderedAt = receivedCount();
  #isRepeated = false;
  #readyState = CONNECTING;
  #state: StreamState = "connecting";
  #attempt: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The server's `retry`, in milliseconds. */
  #retry: number | undefined;
  /** Whether the server sent `retry` on this connection, as a hub does before it restarts. */
  #hasNewRetry = false;
  readonly #failures = new Failures();
  /** Whether the hub has refused a token since the last connection. */
  #wasRefused = false;
  /** The number of renewals since the last event arrived. */
  #renewals = 0;
  #openedAt = Number.POSITIVE_INFINITY;
  #notBefore = 0;

  constructor(address: StreamAddress, pageOrigin: string, reporter: StreamReporter) {
    super();
    this.#address = address;
    this.#cursor = address.cursor ?? "";
    this.#pageOrigin = pageOrigin;
    this.#reporter = reporter;
  }

  /** Connects for the first time. */
  start(): void {
    void this.#connect();
  }

  get url(): string {
    return this.#address.url;
  }

  get readyState(): number {
    return this.#readyState;
  }

  get state(): StreamState {
    return this.#state;
  }

  get address(): StreamAddress {
    return this.#address;
  }

  /** The id of the last dispatched event, where a new connection resumes. Empty begins with the next event. */
  get lastEventId(): string {
    return this.#cursor;
  }

  /** The position before the event that is being dispatched. */
  get previousEventId(): string {
    return this.#previousCursor;
  }

  /**
   * Whether the page had received the event that is being dispatched before the stream was rendered. The rendering can
   * be newer than its position, and contain the event's content.
   */
  get isRepeated(): boolean {
    return this.#isRepeated;
  }

  close(): void {
    this.#disconnect();
    this.#readyState = CLOSED;
  }

  /** Connects to another address, or to the same one again after close(). The listeners stay. */
  reopen(address: StreamAddress, cursor: string): void {
    if (cursor !== this.#cursor) this.#renderedAt = receivedCount();
    this.#address = address;
    this.#cursor = cursor;
    this.#failures.clear();
    this.#wasRefused = false;
    this.#enter("connecting");
    void this.#connect();
  }

  /** Stores a new token. The open connection stays, and the next one uses the token. */
  renewToken(address: StreamAddress): void {
    this.#address = address;
  }

  /** Disconnects, so that the page can enter the back/forward cache. An open connection would prevent that. */
  suspend(): void {
    if (this.#readyState === CLOSED) return;
    this.#disconnect();
    this.#readyState = CONNECTING;
    this.#enter("paused");
  }

  resume(): void {
    if (this.#state !== "paused") return;
    this.#enter("connecting");
    void this.#connect();
  }

  /**
   * Reconnects at once when a retry is pending, or when no byte has arrived for `silence` milliseconds. Default: one
   * and a half intervals of the hub's comments.
   */
  revive(silence = this.#watch.suspiciousSilence): void {
    if (this.#readyState === CLOSED || this.#state === "paused") return;
    if (this.#timer === undefined ? this.#watch.silence >= silence : Date.now() >= this.#notBefore)
      void this.#connect();
  }

  /** Ends the stream for good. */
  finish(reason: string): void {
    this.close();
    this.#enter("ended");
    this.#reporter.ended({ reason, url: this.url });
  }

  #disconnect(): void {
    clearTimeout(this.#timer);
    this.#watch.stop();
    this.#timer = undefined;
    this.#attempt?.abort();
    this.#attempt = undefined;
  }

  #enter(state: StreamState): void {
    if (state === this.#state) return;
    const previous = this.#state;
    this.#state = state;
    this.#reporter.changed(state, previous);
  }

  async #connect(): Promise<void> {
    this.#disconnect();
    this.#readyState = CONNECTING;
    this.#openedAt = Number.POSITIVE_INFINITY;
    this.#watch.heard();
    const attempt = new AbortController();
    this.#attempt = attempt;
    const ending = await (this.#reporter.read ?? readStream)({
      address: this.#address,
      cursor: this.#cursor,
      origin: this.#pageOrigin,
      receiver: this.#receiver(attempt.signal),
      signal: attempt.signal,
      timeout: this.#watch.answerTimeout,
    });
    if (attempt.signal.aborted) return;
    if (ending.kind === "interrupted") this.#reconnectLater(ending);
    else if (ending.kind === "completed") this.#changeConnection(ending.reason);
    else if (ending.kind === "gone") this.#fail(ending, "ended");
    else if (this.#wasRefused) this.#fail(ending, "denied");
    else {
      this.#wasRefused = true;
      await this.#renew(() => this.#fail(ending, "denied"));
    }
  }

  /** Reconnects at the same position with a new token. Without a new token the stream ends. */
  async #renew(end: () => void): Promise<void> {
    const lasted = Date.now() - this.#openedAt >= stableAfter;
    this.#renewals = lasted ? 1 : this.#renewals + 1;
    this.#disconnect();
    this.#readyState = CONNECTING;
    if (this.#renewals > maxRenewals) return end();
    const attempt = new AbortController();
    this.#attempt = attempt;
    const address = await this.#reporter.renew(this.#address, attempt.signal);
    if (attempt.signal.aborted) return;
    if (address === undefined) return end();
    this.#address = address;
    await this.#connect();
  }

  /** Returns the receiver of a connection. Each step checks the signal: a listener can close or reopen the source. */
  #receiver(signal: AbortSignal): ConnectionReceiver {
    let origin = "";
    return {
      opened: (headers, from) => {
        origin = from;
        if (!signal.aborted) this.#open(headers);
      },
      heard: () => this.#watch.heard(),
      event: (event) => {
        if (!signal.aborted) this.#receive(event, origin);
      },
      lastEventId: (id) => {
        if (signal.aborted) return;
        this.#previousCursor = this.#cursor;
        this.#cursor = id;
      },
      retry: (milliseconds) => {
        this.#retry = milliseconds;
        this.#hasNewRetry = true;
      },
    };
  }

  #open(headers: Headers): void {
    const requested = this.#cursor;
    this.#watch.start(headers.get("Mercure-Keep-Alive"));
    if (this.#readyState !== OPEN) {
      this.#readyState = OPEN;
      this.#openedAt = Date.now();
      this.#hasNewRetry = false;
      this.#wasRefused = false;
      this.#enter("open");
      this.dispatchEvent(new Event("open"));
    }
    const received = headers.get("Mercure-Last-Event-ID") ?? headers.get("Last-Event-ID");
    if (requested !== "" && received !== null && !isHeaderOf(requested, received)) {
      this.#enter("stale");
      this.#reporter.gap({ requested, received });
    }
  }

  #receive(event: StreamEvent, origin: string): void {
    // At the dispatched event the extension closes the source and notifies the page.
    const end = () => {
      this.#dispatchMessage(event, origin);
      this.finish(event.data);
    };
    if (event.type !== closeEvent) {
      this.#renewals = 0;
      const number = noteReceived(this.url, event.lastEventId);
      this.#isRepeated = number !== undefined && number <= this.#renderedAt;
      this.#dispatchMessage(event, origin);
    } else if (event.data === "expired") void this.#renew(end);
    else end();
  }

  #dispatchMessage({ type, data, lastEventId }: StreamEvent, origin: string): void {
    this.dispatchEvent(new MessageEvent(type, { data, lastEventId, origin }));
  }

  #fail({ status, reason }: Extract<Outcome, { status: number }>, state: "denied" | "ended"): void {
    this.dispatchEvent(new StreamErrorEvent(`${this.url} ended for good: ${reason}`));
    this.close();
    this.#enter(state);
    this.#reporter.failed({ status, reason, url: this.url });
  }

  /** Replaces a connection that the server has ended as planned. A very short connection counts as a failure. */
  #changeConnection(reason: string): void {
    if (Date.now() - this.#openedAt < stableAfter) {
      this.#reconnectLater(interrupted(reason));
      return;
    }
    this.#failures.clear();
    this.#readyState = CONNECTING;
    this.#enter("connecting");
    this.#timer = setTimeout(() => void this.#connect(), this.#hasNewRetry ? this.#retry : 0);
  }

  #reconnectLater({ retryAfter, reason, isOutage }: Interruption): void {
    const now = Date.now();
    if (now - this.#openedAt >= stableAfter) this.#failures.clear();
    const delay = this.#failures.add({ retryAfter, retry: this.#retry, isOutage });
    this.#notBefore = now + retryAfter;
    this.#readyState = CONNECTING;
    this.#enter("offline");
    this.#timer = setTimeout(() => void this.#connect(), delay);
    this.dispatchEvent(new StreamErrorEvent(`${this.url} reconnects in ${Math.round(delay)} ms: ${reason}`));
  }
}
