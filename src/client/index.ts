/** A stream has ended for good: the server refused it, or answered something that is no stream. */
export interface MercureErrorDetail {
  /** The answer's HTTP status. */
  readonly status: number;
  /** For logs. */
  readonly reason: string;
  /** Without token and cursor. */
  readonly url: string;
}

/** The hub has ended a stream for good, and no new token could be had for it. */
export interface MercureEndDetail {
  /**
   * `expired`: what the stream was granted has run out. `forbidden`: the application does not grant it any more.
   * `disconnected`: the application has ended it.
   */
  readonly reason: string;
  /** Without token and cursor. */
  readonly url: string;
}

/** The server no longer holds what followed the stream's position: updates may be missing from the page. */
export interface MercureGapDetail {
  /** The id after which the stream asked to go on. */
  readonly requested: string;
  /** The id after which the server goes on. */
  readonly received: string;
}

/** What the client dispatches, on the element that has `sse-connect`. The events bubble. */
export interface MercureEventMap {
  "mercure:error": CustomEvent<MercureErrorDetail>;
  "mercure:end": CustomEvent<MercureEndDetail>;
  "mercure:gap": CustomEvent<MercureGapDetail>;
}

declare global {
  interface HTMLElementEventMap extends MercureEventMap {}
  interface DocumentEventMap extends MercureEventMap {}
  interface WindowEventMap extends MercureEventMap {}
}
