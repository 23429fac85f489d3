/** The detail of `mercure:error`: the server refused a stream for good, or its answer is not an event stream. */
export interface MercureErrorDetail {
  /** The HTTP status of the answer. */
  readonly status: number;
  /** The reason in words, for logs. */
  readonly reason: string;
  /** The stream's URL, without token and cursor. */
  readonly url: string;
}

/** The detail of `mercure:end`: the hub has ended a stream for good, and the client got no new token for it. */
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
 * The detail of `mercure:gap`: the server's history starts after the stream's position, so the page can lack updates.
 */
export interface MercureGapDetail {
  /** The id of the last event before the position that the stream asked for. */
  readonly requested: string;
  /** The id of the last event before the position where the server resumes. */
  readonly received: string;
}

/** The events that the client dispatches on the element that has `sse-connect`. The events bubble. */
export interface MercureEventMap {
  /** The server rejected a stream for good, or its answer is not an event stream. */
  "mercure:error": CustomEvent<MercureErrorDetail>;
  /** The hub has ended a stream for good. */
  "mercure:end": CustomEvent<MercureEndDetail>;
  /** The page can lack updates. Reload it, or fetch the state again. */
  "mercure:gap": CustomEvent<MercureGapDetail>;
}

declare global {
  interface HTMLElementEventMap extends MercureEventMap {}
  interface DocumentEventMap extends MercureEventMap {}
  interface WindowEventMap extends MercureEventMap {}
}
