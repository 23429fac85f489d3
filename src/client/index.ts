/**
 * The state of a stream.
 *
 * - `connecting`: the stream connects for the first time, or reconnects after a planned end.
 * - `open`: the stream is connected, and updates arrive.
 * - `paused`: the page is in the back/forward cache, or pauses while it is hidden.
 * - `offline`: the connection is lost, and the client retries.
 * - `stale`: the page misses updates that the server has evicted.
 * - `denied`: the server has refused the visitor for good, with status 401 or 403.
 * - `ended`: the server or the application has ended the stream for good.
 */
export type StreamState = "connecting" | "open" | "paused" | "offline" | "stale" | "denied" | "ended";

/** The detail of `mercure:state`: the state of a stream has changed. */
export interface MercureStateDetail {
  /** The state now. */
  readonly state: StreamState;
  /** The state before the change. */
  readonly previous: StreamState;
  /** The stream's URL, without token and cursor. */
  readonly url: string;
}

/** The detail of `mercure:error`: the server refused a stream for good, or answered 204 or 410. */
export interface MercureErrorDetail {
  /** The HTTP status of the answer. */
  readonly status: number;
  /** The reason in words, for logs. */
  readonly reason: string;
  /** The stream's URL, without token and cursor. */
  readonly url: string;
}

/** The detail of `mercure:end`: the hub has ended a stream for good, and the client got no new token. */
export interface MercureEndDetail {
  /**
   * `expired`: the stream's grant has expired. `forbidden`: the application has withdrawn the grant.
   * `disconnected`: the application has ended the stream.
   */
  readonly reason: string;
  /** The stream's URL, without token and cursor. */
  readonly url: string;
}

/**
 * The detail of `mercure:gap`: the server has evicted updates after the stream's position, so the page may lack
 * updates.
 */
export interface MercureGapDetail {
  /** The id of the last event before the position that the stream asked for. */
  readonly requested: string;
  /** The id of the last event before the position where the server resumes. */
  readonly received: string;
}

/** The events that the client dispatches on the element that has `sse-connect`. The events bubble. */
export interface MercureEventMap {
  /** The state of a stream has changed. */
  "mercure:state": CustomEvent<MercureStateDetail>;
  /** The server refused a stream for good, or answered 204 or 410. */
  "mercure:error": CustomEvent<MercureErrorDetail>;
  /** The hub has ended a stream for good. */
  "mercure:end": CustomEvent<MercureEndDetail>;
  /** The page may lack updates. Unless a listener cancels the event, the client fetches the stream's content again. */
  "mercure:gap": CustomEvent<MercureGapDetail>;
  /** New content left this field unchanged, because the visitor is changing it. */
  "mercure:kept": CustomEvent<null>;
}

/** One stream of the page. */
export interface MercureStream {
  /** The element that has `sse-connect`. */
  readonly element: Element;
  /** The state of the stream. */
  readonly state: StreamState;
  /** The stream's URL, without token and cursor. */
  readonly url: string;
}

/** The state of the page, as `window.mercure`. */
export interface Mercure {
  /** The page's state: the worst state of its streams; undefined for a page without streams. */
  readonly state: StreamState | undefined;
  /** The streams of the page. */
  readonly streams: readonly MercureStream[];
  /**
   * The time until the streams of a hidden page pause, in seconds. A page that is seen again resumes from its position.
   * Default: the option `pauseHiddenAfter` of the application, else 0 for never.
   */
  pauseHiddenAfter: number;
  /**
   * Reconnects each waiting stream at once. Open and ended streams stay unchanged.
   *
   * @example
   * ```js
   * document.addEventListener("click", () => window.mercure?.reconnect());
   * ```
   */
  reconnect(): void;
}

declare global {
  interface Window {
    /** Undefined until the script of htmx-mercure has run. */
    mercure?: Mercure;
  }
  interface HTMLElementEventMap extends MercureEventMap {}
  interface DocumentEventMap extends MercureEventMap {}
  interface WindowEventMap extends MercureEventMap {}
}
