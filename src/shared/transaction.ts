import type { MercureError } from "./errors.js";
import { invalidOption } from "./option-reader.js";

/**
 * A transaction of the application: the client of pg or the connection of mysql2 that has begun it, the manager or query
 * runner of TypeORM, the transaction of `@libsql/client`, or the database of better-sqlite3 or libsql.
 */
export type Transaction =
  | { query(text: string, values: never[]): PromiseLike<unknown> }
  | { execute(statement: never): PromiseLike<unknown> }
  | { prepare(text: string): unknown };

/** Runs statements in a transaction. */
export interface Statements {
  query(text: string, values: unknown[]): PromiseLike<unknown>;
}

/** The distinctive properties of the objects of database packages. */
interface Known extends Statements {
  /** Of a client of pg: `I` outside a transaction. */
  getTransactionStatus?(): string | null;
  /** Of a manager or repository of TypeORM in a transaction. */
  readonly queryRunner?: Known;
  readonly manager?: Known;
  /** Of TypeORM's query runner. */
  readonly isTransactionActive?: boolean;
  /** Of a connection of mysql2. Those with callbacks have `promise`. */
  beginTransaction?: unknown;
  promise?(): Known;
  /** Of `@libsql/client`. A client also has `transaction`. */
  execute?(statement: object): PromiseLike<unknown>;
  transaction?: unknown;
  /** Of better-sqlite3, libsql and node:sqlite. */
  prepare?(text: string): { run(...values: unknown[]): unknown };
  /** False after the close. Reading other properties of libsql then ends the process. */
  readonly open?: boolean;
  readonly inTransaction?: boolean;
  readonly isTransaction?: boolean;
}

/**
 * Returns the function that runs statements in a transaction.
 *
 * @throws MercureError `ERR_OPTION` for other values, and for objects whose queries are in no transaction.
 */
export function checkedTransaction(value: unknown): Statements {
  const known = value as Known | null | undefined;
  // The connections of mysql2 have both.
  if (typeof known?.prepare === "function" && known.query === undefined) {
    if (known.open === false || !(known.inTransaction ?? known.isTransaction))
      throw wrong("has not begun a transaction");
    return { query: async (text, values) => known.prepare!(text).run(...values) };
  }
  if (typeof known?.query !== "function") {
    if (typeof known?.execute !== "function") throw wrong("has no function query");
    if (known.transaction !== undefined) throw wrong("has not begun a transaction");
    return { query: (sql, args) => known.execute!({ sql, args }) };
  }
  if ("totalCount" in known || "getConnection" in known) {
    throw wrong("is a pool, and each query of a pool is a transaction of its own");
  }
  const runner = known.queryRunner ?? known.manager?.queryRunner ?? known;
  // All objects of TypeORM that have no connection of their own can create query builders.
  const hasNone = "createQueryBuilder" in runner && runner.isTransactionActive === undefined;
  if (hasNone || runner.isTransactionActive === false || runner.getTransactionStatus?.() === "I") {
    throw wrong("has not begun a transaction");
  }
  return typeof known.beginTransaction === "function" ? mysqlTransaction(known) : known;
}

/** The answer to any statement tells whether a connection of mysql2 has begun a transaction. */
function mysqlTransaction(connection: Known): Statements {
  const known = typeof connection.promise === "function" ? connection.promise() : connection;
  return {
    async query(text, values) {
      const [{ serverStatus = 1 }] = [await known.query("do 0", [])].flat() as [{ serverStatus?: number }];
      // 1: in a transaction, 2: each statement is one of its own.
      if ((serverStatus & 3) === 2) throw wrong("has not begun a transaction");
      return known.query(text, values);
    },
  };
}

function wrong(why: string): MercureError {
  return invalidOption(
    "transaction",
    `${why}. Pass the client, connection, manager or query runner that has begun the transaction`,
  );
}
