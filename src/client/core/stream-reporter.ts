import type { MercureEndDetail, MercureErrorDetail, MercureGapDetail, StreamState } from "../index.js";
import type { Outcome, Reading } from "./connection.js";
import type { StreamAddress } from "./stream-address.js";

/** Receives the events of a source, and obtains its new tokens. */
export interface StreamReporter {
  changed(state: StreamState, previous: StreamState): void;
  failed(detail: MercureErrorDetail): void;
  gap(detail: MercureGapDetail): void;
  ended(detail: MercureEndDetail): void;
  /** Resolves to an address with a valid token, or to undefined if none can be obtained. */
  renew(address: StreamAddress, signal: AbortSignal): Promise<StreamAddress | undefined>;
  /** Reads the stream over a shared connection. Default: over a connection of its own. */
  read?(reading: Reading): Promise<Outcome>;
}
