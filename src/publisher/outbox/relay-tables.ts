import { randomUUID } from "node:crypto";
import { MercureError } from "../../shared/errors.js";
import { ConnectionInUse } from "./database.js";
import type { OutboxSettings } from "./outbox-options.js";
import { recordVersion } from "./record.js";
import { nowIn, outboxStatements } from "./tables.js";

export interface StoredRow {
  readonly position: number;
  readonly record: string;
}

/** The max number of rows in a reading. */
const maxRows = 50;

/**
 * The lifetime of a lease in the database, in seconds, and the time that its holder relies on it, in milliseconds. It
 * is shorter, because the clocks of databases can count whole seconds.
 */
const lease = { seconds: 5, reliable: 3000 };

/** The tables of an outbox as one relay uses them: the updates, and the lease that lets one relay work at a time. */
export class RelayTables {
  readonly #settings: OutboxSettings;
  readonly #holder = randomUUID();
  #leaseEnd = 0;
  #isPrepared = false;
  #setReady!: () => void;
  /** Resolves when the tables exist. */
  readonly ready = new Promise<void>((resolve) => {
    this.#setReady = resolve;
  });

  constructor(settings: OutboxSettings) {
    this.#settings = settings;
  }

  /** Whether the tables exist. */
  get isPrepared(): boolean {
    return this.#isPrepared;
  }

  /** Whether this relay can rely on its lease now. */
  get hasLease(): boolean {
    return this.#leaseEnd > performance.now();
  }

  /**
   * Finds the tables, or creates them.
   *
   * @throws MercureError `ERR_OUTBOX` without the tables.
   */
  async prepare(): Promise<void> {
    if (this.#isPrepared) return;
    const { database, table, createTable } = this.#settings;
    try {
      for (const name of [table, `${table}_relay`]) await database.query(`select 1 from ${name} limit 1`);
    } catch (error) {
      if (error instanceof ConnectionInUse) throw error;
      const how = `npx htmx-mercure schema --outbox ${database.dialect} --table ${table}`;
      try {
        if (!createTable) throw error;
        for (const statement of outboxStatements(database.dialect, table)) await database.query(statement);
      } catch (cause) {
        if (cause instanceof ConnectionInUse) throw cause;
        const message = `The tables ${table} and ${table}_relay cannot be used: ${(cause as Error).message}. If they are missing, create them: ${how}`;
        throw new MercureError("ERR_OUTBOX", message, { cause });
      }
    }
    this.#isPrepared = true;
    this.#setReady();
  }

  /** Returns the oldest rows of this relay's version. */
  async rows(): Promise<readonly StoredRow[]> {
    const { database, table } = this.#settings;
    const text = `select position, record from ${table} where error is null and version <= ${recordVersion} order by position limit ${maxRows}`;
    const rows = await database.query(text);
    return rows.map(({ position, record }) => ({ position: Number(position), record: String(record) }));
  }

  async delete(positions: readonly number[]): Promise<void> {
    const { database, table } = this.#settings;
    if (positions.length > 0) await database.query(`delete from ${table} where position in (${positions.join()})`);
  }

  /** Marks a row, so that no relay reads it. Resolves to the statement that removes the mark. */
  async setAside(position: number, { message }: Error): Promise<string> {
    const { database, table } = this.#settings;
    const reason = message.replace(/[^ -~]/g, "?").slice(0, 500);
    await database.query(`update ${table} set error = ? where position = ${position}`, [reason]);
    return `update ${table} set error = null where position = ${position}`;
  }

  /** Takes or prolongs the lease. Resolves to false while another relay holds it. */
  async takeLease(): Promise<boolean> {
    const begin = performance.now();
    if (this.#leaseEnd - begin > lease.reliable / 2) return true;
    const { database, table } = this.#settings;
    const now = nowIn[database.dialect];
    const condition = `holder = '${this.#holder}' or lease_end <= ${now}`;
    await database.query(
      `update ${table}_relay set holder = '${this.#holder}', lease_end = ${now} + ${lease.seconds} where ${condition}`,
    );
    const [row] = await database.query(`select holder from ${table}_relay`);
    if (row === undefined) {
      this.#isPrepared = false;
      throw new MercureError("ERR_OUTBOX", `The table ${table}_relay has lost its row.`);
    }
    if (row.holder !== this.#holder) return false;
    this.#leaseEnd = begin + lease.reliable;
    return true;
  }

  /** Ends the lease, so that another relay can work at once. */
  async releaseLease(): Promise<void> {
    if (this.#leaseEnd === 0) return;
    this.#leaseEnd = 0;
    const { database, table } = this.#settings;
    await database.query(`update ${table}_relay set lease_end = 0 where holder = '${this.#holder}'`);
  }
}
