import type { Transport } from "../../transport/transport.js";
import type { EncodedReplay, EncodedReplays } from "../fan-out/encoded-replays.js";
import type { SubscriptionScope } from "../fan-out/subscription-scope.js";
import type { ReadableHistory } from "./replay-start.js";
import { startPace } from "./start-pace.js";

/** History as one subscriber can read it. */
export class ScopeHistory implements ReadableHistory<EncodedReplay> {
  readonly #scope: SubscriptionScope;
  readonly #transport: Transport;
  readonly #replays: EncodedReplays;

  constructor(scope: SubscriptionScope, transport: Transport, replays: EncodedReplays) {
    this.#scope = scope;
    this.#transport = transport;
    this.#replays = replays;
  }

  read(after: number): EncodedReplay | Promise<EncodedReplay> {
    return this.#replays.read(this.#scope, after);
  }

  /** Whether the client may learn that an id exists. Guessing a publisher's id must not reveal a private update. */
  async mayKnow(eventId: string, position: number): Promise<boolean> {
    // The ids of hubs cannot be guessed.
    if (eventId.startsWith("#")) return true;
    const { updates } = await this.#transport.read({ topics: "*", after: position - 1, maxUpdates: 1 });
    const stored = updates.find((each) => each.position === position);
    return stored === undefined || this.#scope.mayReadPaced(stored.update, startPace());
  }
}
