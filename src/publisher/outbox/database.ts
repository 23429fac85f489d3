import { invalidOption } from "../../shared/option-reader.js";
import type { OutboxDialect } from "./tables.js";

/** A row of a result. */
export type Row = Record<string, unknown>;

/** The application's database as the relay sees it. */
export interface RelayDatabase {
  readonly dialect: OutboxDialect;
  /**
   * Runs a statement outside the application's transactions.
   *
   * @throws ConnectionInUse while a transaction of the application uses the only connection.
   */
  query(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
}

/** A transaction of the application uses the connection, so a statement would become a part of it. */
export class ConnectionInUse extends Error {}

/** The distinctive properties of the objects that database packages export. */
interface Known {
  /** The settings of TypeORM's data source. */
  readonly options?: { readonly type?: string };
  readonly driver?: { readonly databaseConnection?: SyncDatabase };
  createQueryRunner?(): unknown;
  /** A function of mysql2's pools. A pool with callbacks has `promise`. */
  getConnection?: unknown;
  promise?(): Known;
  /** A function of better-sqlite3, libsql and node:sqlite. */
  prepare?: unknown;
  /** A function of the client of `@libsql/client`. */
  execute?(statement: object): Promise<{ readonly rows: readonly object[] }>;
  query?(text: string, values: readonly unknown[]): PromiseLike<unknown>;
}

interface SyncDatabase {
  /** False after the close. Reading other properties of libsql then ends the process. */
  readonly open?: boolean;
  readonly inTransaction?: boolean;
  readonly isTransaction?: boolean;
  prepare(text: string): { all(...values: readonly unknown[]): Row[]; run(...values: readonly unknown[]): unknown };
}

const dialects: Readonly<Record<string, OutboxDialect>> = {
  mysql: "mysql",
  mariadb: "mysql",
  "better-sqlite3": "sqlite",
};

/**
 * Returns the database behind an object of TypeORM, mysql2, better-sqlite3, libsql, `@libsql/client` or node:sqlite, or
 * behind any object with a function `query` and a given dialect.
 *
 * @throws MercureError `ERR_OPTION` for any other value.
 */
export function relayDatabase(value: object, given: OutboxDialect | undefined): RelayDatabase {
  const known = value as Known;
  if (typeof known.createQueryRunner === "function") return typeormDatabase(known);
  if (typeof known.prepare === "function" && known.query === undefined)
    return syncDatabase(() => value as SyncDatabase);
  if (typeof known.getConnection === "function") {
    return asyncDatabase(typeof known.promise === "function" ? known.promise() : known, given ?? "mysql");
  }
  if (typeof known.execute === "function" && typeof known.query !== "function") {
    const query = async (sql: string, args: readonly unknown[]) => (await known.execute!({ sql, args })).rows;
    return asyncDatabase({ query }, "sqlite");
  }
  if (typeof known.query === "function" && given !== undefined) return asyncDatabase(known, given);
  throw invalidOption(
    "outbox.database",
    "must be a DataSource of TypeORM, a pool of mysql2, a database of better-sqlite3 or libsql, a client of " +
      "@libsql/client, or an object with a function query(text, values) together with outbox.dialect",
  );
}

function typeormDatabase(source: Known): RelayDatabase {
  const type = source.options?.type ?? "";
  const dialect = dialects[type];
  if (dialect === "mysql") return asyncDatabase(source, dialect);
  if (dialect === "sqlite") return syncDatabase(() => source.driver?.databaseConnection);
  throw invalidOption(
    "outbox.database",
    `is a DataSource of the type ${type}, and must have the type ${Object.keys(dialects).join(", ")}`,
  );
}

/**
 * Returns a database whose one connection the application and the relay share. Each statement ends before the next one
 * begins.
 */
function syncDatabase(open: () => SyncDatabase | undefined): RelayDatabase {
  return {
    dialect: "sqlite",
    async query(text, values = []) {
      const database = open();
      if (database === undefined || database.open === false) throw new Error("the database is not open");
      if (database.inTransaction ?? database.isTransaction) throw new ConnectionInUse();
      const statement = database.prepare(text);
      if (text.startsWith("select")) return statement.all(...values);
      statement.run(...values);
      return [];
    },
  };
}

/** Returns a database with separate connections for the application's transactions. */
function asyncDatabase(database: Known, dialect: OutboxDialect): RelayDatabase {
  return {
    dialect,
    async query(text, values = []) {
      const result = await database.query!(text, values);
      if (!Array.isArray(result)) return (result as { rows?: readonly Row[] } | undefined)?.rows ?? [];
      // mysql2 returns the rows and their fields.
      return Array.isArray(result[0]) ? result[0] : result;
    },
  };
}
