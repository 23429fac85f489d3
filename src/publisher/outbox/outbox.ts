import { randomUUID } from "node:crypto";
import type { Draft } from "../../protocol/update.js";
import { MercureError } from "../../shared/errors.js";
import type { Logger } from "../../shared/logger.js";
import { invalidOption } from "../../shared/option-reader.js";
import { settledWithin } from "../../shared/settled-within.js";
import { checkedTransaction, type Statements, type Transaction } from "../../shared/transaction.js";
import { closedError } from "../closed-error.js";
import type { HubPort } from "../hub/hub-port.js";
import type { OutboxSettings } from "./outbox-options.js";
import { recordOf, recordVersion } from "./record.js";
import { Relay, type RelayState } from "./relay.js";
import { outboxStatements } from "./tables.js";

/** The max time that a publish waits for the tables, in milliseconds. */
const maxWait = 5000;

/** The outbox of an application: a table that its transactions write to, and the relay that publishes from it. */
export class Outbox {
  readonly #settings: OutboxSettings;
  readonly #hub: HubPort;
  readonly #relay: Relay;

  constructor(settings: OutboxSettings, hub: HubPort, logger: Logger) {
    this.#settings = settings;
    this.#hub = hub;
    this.#relay = new Relay({
      ...settings,
      publish: (draft) => hub.publish(draft),
      isOrdered: hub.isInProcess,
      logger,
    });
  }

  get state(): RelayState {
    return this.#relay.state;
  }

  /**
   * Makes an update a part of a transaction. Resolves to its id; empty with `keep: false`.
   *
   * @throws MercureError `ERR_OPTION` for any value but a transaction of the database, `ERR_OUTBOX` without the tables,
   * `ERR_CLOSED`, and the errors of a publish. Errors of the database are rethrown.
   */
  async add(transaction: Transaction, draft: Draft): Promise<string> {
    if (this.state === "closed") throw closedError();
    this.#hub.check(draft);
    const checked = checkedTransaction(transaction);
    const { database, table } = this.#settings;
    await this.#prepare(checked);
    const id = draft.keep === false ? "" : (draft.id ?? `urn:uuid:${randomUUID()}`);
    const record = recordOf(id === "" ? draft : { ...draft, id });
    try {
      await checked.query(`insert into ${table} (version, record) values (?, ?)`, [recordVersion, record]);
    } catch (error) {
      const { message } = error as Error;
      if (!/no such table|doesn't exist|does not exist|syntax error/i.test(message)) throw error;
      throw invalidOption("transaction", `is not one of the outbox's ${database.dialect} database: ${message}`);
    }
    this.#relay.wake();
    return id;
  }

  /** Ends the relay after its pending updates. */
  stop(): void {
    this.#relay.stop();
  }

  close(): Promise<void> {
    return this.#relay.close();
  }

  /**
   * Creates missing tables in the transaction, because the relay cannot create them while the transaction has the only
   * connection.
   */
  async #prepare(transaction: Statements): Promise<void> {
    if (this.#relay.isPrepared) return;
    const { database, table, createTable } = this.#settings;
    if (database.dialect === "sqlite" && createTable) {
      for (const statement of outboxStatements("sqlite", table)) await transaction.query(statement, []);
      return;
    }
    await settledWithin(this.#relay.ready, maxWait);
    if (!this.#relay.isPrepared) {
      throw new MercureError("ERR_OUTBOX", `The outbox has not found its tables within ${maxWait / 1000} s.`);
    }
  }
}
