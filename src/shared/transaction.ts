import type { MercureError } from "./errors.js";
import { invalidOption } from "./option-reader.js";

/** The client of pg that has begun a transaction, or the manager or query runner of TypeORM. */
export interface Transaction {
  /** Runs a statement in the transaction. */
  // biome-ignore lint/suspicious/noExplicitAny: database packages declare their parameters differently
  query(text: string, values: any[]): PromiseLike<unknown>;
}

/** The distinctive properties of the objects of pg and TypeORM. */
interface Known extends Transaction {
  /** Of a client of pg: `I` outside a transaction. */
  getTransactionStatus?(): string | null;
  /** Of a manager or repository of TypeORM in a transaction. */
  readonly queryRunner?: Known;
  readonly manager?: Known;
  /** Of TypeORM's query runner. */
  readonly isTransactionActive?: boolean;
}

/**
 * Returns a value that is a transaction.
 *
 * @throws MercureError `ERR_OPTION` for other values, and for objects whose queries are in no transaction.
 */
export function checkedTransaction(value: unknown): Transaction {
  const known = value as Known | null | undefined;
  if (typeof known?.query !== "function") throw wrong("has no function query");
  if ("totalCount" in known) throw wrong("is a pool, and each query of a pool is a transaction of its own");
  const runner = known.queryRunner ?? known.manager?.queryRunner ?? known;
  // All objects of TypeORM that have no connection of their own can create query builders.
  const hasNone = "createQueryBuilder" in runner && runner.isTransactionActive === undefined;
  if (hasNone || runner.isTransactionActive === false || runner.getTransactionStatus?.() === "I") {
    throw wrong("has not begun one");
  }
  return known;
}

function wrong(why: string): MercureError {
  return invalidOption(
    "transaction",
    `${why}. Pass the client, manager or query runner that has begun the transaction`,
  );
}
