import type { CloseReason } from "../../protocol/sse/close-event.js";
import type { PayloadOf } from "../../protocol/tokens/grants.js";
import type { VerifiedToken } from "../auth/verified-token.js";
import type { StreamSlot } from "../limits/stream-slot.js";

/** The properties of a stream other than its updates. */
export interface Subscription {
  /** The stream's id in subscription events. */
  readonly id: string;
  /** The random name of the stream. Its next connection has the same name, and takes its place. */
  readonly key?: string | undefined;
  /** The number that the page has given to the connection. Of two with the same name, the higher one is the next. */
  readonly turn?: number | undefined;
  /** The number of the request among all. Of two connections in the same turn, the later request is the next one. */
  readonly arrival?: number | undefined;
  /** The end of the stream, in milliseconds since 1970; undefined for never. */
  readonly endsAt: number | undefined;
  /** The reason of a final end at that time. Undefined if the client can reconnect unchanged. */
  readonly closeReason?: CloseReason | undefined;
  /** Returns the data about the subscriber that subscription events show to others. */
  readonly payloadOf: PayloadOf;
  /** The tokens that opened the stream. Undefined for a public stream, and for one that the application authorized. */
  readonly tokens?: readonly VerifiedToken[] | undefined;
  /** The subject that owns the stream, from the token's claim `sub` or from the application. */
  readonly subject?: string | undefined;
  /** The stream's place in the connection limits, released when the stream ends. */
  readonly slot?: StreamSlot | undefined;
}
