import { invalidOption, OptionReader } from "../../shared/option-reader.js";
import { type RelayDatabase, relayDatabase } from "./database.js";
import { checkTableName, defaultOutboxTable, outboxDialects } from "./tables.js";

/** The option `outbox` of `mercure()`. */
export interface OutboxOptions {
  /**
   * The application's database: a `DataSource` of TypeORM, a pool of mysql2, a database of better-sqlite3, libsql or
   * node:sqlite, a client of `@libsql/client`, or with `dialect` any object whose function `query(text, values)` runs
   * outside the application's transactions. Required.
   */
  readonly database: object;
  /** The kind of a database that the library does not recognize. */
  readonly dialect?: "sqlite" | "mysql" | undefined;
  /** The name of the table. The table of the relay's lease has the suffix `_relay`. Default `mercure_outbox`. */
  readonly table?: string | undefined;
  /** Whether the library creates missing tables. Default true. */
  readonly createTable?: boolean | undefined;
  /** Whether this process publishes the updates of the table. Default true; with false, another process must. */
  readonly relay?: boolean | undefined;
  /** The max pause between two reads of the table, in seconds. Default 1. */
  readonly pollInterval?: number | undefined;
}

export interface OutboxSettings {
  readonly database: RelayDatabase;
  readonly table: string;
  readonly createTable: boolean;
  readonly relay: boolean;
  /** The max pause between two reads of the table, in milliseconds. */
  readonly pollInterval: number;
}

/** @throws MercureError `ERR_OPTION` */
export function readOutboxOptions(options: object | undefined): OutboxSettings | undefined {
  if (options === undefined) return undefined;
  const read = new OptionReader(options, "outbox.", {});
  const database = read.object("database");
  if (database === undefined) throw invalidOption("outbox.database", "is missing");
  const settings = {
    database: relayDatabase(database, read.oneOf("dialect", outboxDialects)),
    table: checkTableName(read.string("table") ?? defaultOutboxTable),
    createTable: read.boolean("createTable") ?? true,
    relay: read.boolean("relay") ?? true,
    pollInterval: 1000 * (read.number("pollInterval", { min: 0.01, max: 60 }) ?? 1),
  };
  read.refuseUnknown();
  return settings;
}
