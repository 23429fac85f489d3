import { validateDraft } from "../../protocol/draft.js";
import type { Draft, Update } from "../../protocol/update.js";
import { invalidOption } from "../../shared/option-reader.js";
import type { Transaction } from "../../shared/transaction.js";
import type { TransactionalTransport, Transport } from "../../transport/transport.js";
import { type Dispatcher, hubClosed } from "../fan-out/dispatcher.js";
import type { TickBatch } from "../fan-out/tick-batch.js";
import type { HubSettings } from "../options/hub-options.js";

type PublicationSettings = Pick<HubSettings, "path" | "publicPath" | "transport" | "observer">;

/** Checks the updates of publishers, and gives them to the transport. */
export class Publications {
  readonly #settings: PublicationSettings;
  readonly #transport: Transport;
  readonly #dispatcher: Dispatcher;
  readonly #ticks: TickBatch;
  /** The number of updates that the transport has not stored yet. */
  #pending = 0;
  #onStored = () => {};

  /** @param transport - The transport of the settings, without the control messages. */
  constructor(settings: PublicationSettings, transport: Transport, dispatcher: Dispatcher, ticks: TickBatch) {
    this.#settings = settings;
    this.#transport = transport;
    this.#dispatcher = dispatcher;
    this.#ticks = ticks;
  }

  /** Resolves when the transport has stored the update. */
  async publish(draft: Draft): Promise<Update> {
    this.check(draft);
    let update: Update;
    this.#pending++;
    try {
      update = await this.#transport.publish(draft);
    } finally {
      if (--this.#pending === 0) this.#onStored();
    }
    this.#settings.observer?.published();
    const pause = this.#ticks.throttle();
    if (pause !== undefined) await pause;
    return update;
  }

  /** Publishes an update if and when a transaction commits. */
  async publishIn(transaction: Transaction, draft: Draft): Promise<void> {
    this.check(draft);
    const transport: Partial<TransactionalTransport> = this.#settings.transport;
    if (transport.publishIn === undefined) {
      throw invalidOption(
        "transaction",
        "needs the option outbox of mercure(), or a transport of the application's database, such as postgres://host/name",
      );
    }
    await transport.publishIn(transaction, draft);
  }

  /** @throws MercureError for a draft that breaks the protocol, and once the hub has closed. */
  check(draft: Draft): void {
    if (this.#dispatcher.closed) throw hubClosed();
    const { path, publicPath } = this.#settings;
    validateDraft(draft, publicPath);
    // A proxy can hide this path from clients, but it is the hub's too.
    if (path !== publicPath) validateDraft(draft, path);
  }

  /** Resolves when the transport has stored the pending updates. */
  async settled(): Promise<void> {
    if (this.#pending > 0) await new Promise<void>((resolve) => (this.#onStored = resolve));
  }
}
