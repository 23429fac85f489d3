import type { Clock } from "../shared/clock.js";
import type { TransportState } from "../transport/transport.js";
import { hubClosed } from "./fan-out/dispatcher.js";
import type { HubParts } from "./hub-parts.js";
import { type CloseOptions, readCloseOptions } from "./options/close-options.js";
import { Drain } from "./streams/drain.js";

/** The state of a hub: that of its transport, or `draining` while the hub hands its streams over to other nodes. */
export type HubState = TransportState | "draining";

type ClosingParts = Pick<
  HubParts,
  | "activeSubscriptions"
  | "disconnections"
  | "dispatcher"
  | "nodes"
  | "publications"
  | "secretCheck"
  | "subscribers"
  | "transport"
>;

/** Ends a hub: hands its streams over on request, ends the rest, and waits until pending updates are stored. */
export class Closing {
  readonly #parts: ClosingParts;
  readonly #clock: Clock;
  #drain: Drain | undefined;

  constructor(parts: ClosingParts, clock: Clock) {
    this.#parts = parts;
    this.#clock = clock;
  }

  get state(): HubState {
    if (this.#parts.dispatcher.closed) return "closed";
    return this.#drain === undefined ? this.#parts.transport.state : "draining";
  }

  /** @throws MercureError `ERR_CLOSED` if the hub has closed. */
  assertOpen(): void {
    if (this.#parts.dispatcher.closed) throw hubClosed();
  }

  async close(options: CloseOptions): Promise<void> {
    const { activeSubscriptions, disconnections, dispatcher, nodes, publications, secretCheck, subscribers } =
      this.#parts;
    const { retrySpread } = readCloseOptions(options);
    await this.drain(options);
    subscribers.tellReturn(retrySpread);
    for (const each of subscribers.leaving) each.end();
    dispatcher.close();
    disconnections.close();
    await activeSubscriptions?.settled();
    await publications.settled();
    nodes?.close();
    secretCheck?.close();
  }

  /** Hands the streams over to other nodes, if the option `drainTimeout` is set. A second call ends a drain at once. */
  async drain(options: CloseOptions): Promise<void> {
    const { dispatcher, nodes, subscribers } = this.#parts;
    const { drainTimeout } = readCloseOptions(options);
    if (this.#drain !== undefined) this.#drain.finish();
    else if (drainTimeout > 0 && nodes !== undefined && !dispatcher.closed) {
      nodes.streams.drain();
      this.#drain = new Drain(subscribers, nodes, this.#clock, drainTimeout);
    }
    await this.#drain?.done;
  }
}
