import { defaultHubPath } from "../../protocol/draft.js";
import type { Draft, Update } from "../../protocol/update.js";
import { MercureError } from "../../shared/errors.js";
import { invalidOption, OptionReader } from "../../shared/option-reader.js";
import { settledWithin } from "../../shared/settled-within.js";
import { checkedTransaction, type Transaction } from "../../shared/transaction.js";
import { closedError, ReplicaTransport } from "../shared/replica.js";
import { type ReplicaOptions, readReplicaSettings } from "../shared/replica-options.js";
import type { Replay, ReplayQuery, TransactionalTransport } from "../transport.js";
import type { PostgresPool } from "./connections.js";
import { PostgresLog } from "./postgres-log.js";
import { complaintOf, storableDraft } from "./rows.js";
import { checkSchemaName } from "./schema.js";

/** The options of {@link PostgresTransport}. */
export interface PostgresTransportOptions extends ReplicaOptions {
  /** The URL of the database, such as `postgres://user:password@host:5432/name`. Required without `pool`. */
  readonly url?: string | undefined;
  /** A pool of pg. The transport takes its settings, and opens three connections of its own. */
  readonly pool?: PostgresPool | undefined;
  /** The schema of the tables. Each hub of a database needs its own. Default `mercure`. */
  readonly schema?: string | undefined;
  /** Whether the transport creates the schema if it is missing. Default true. */
  readonly createSchema?: boolean | undefined;
  /** The pause between two reads if a pooler drops notifications, in seconds. Default 0.1. */
  readonly pollInterval?: number | undefined;
}

/**
 * Shares the history between any number of nodes by a table of PostgreSQL. Needs the package `pg`.
 *
 * @example
 * ```ts
 * import { PostgresTransport } from "htmx-mercure/transport/postgres";
 *
 * const transport = new PostgresTransport({ url: "postgres://localhost/app" });
 * await transport.ready;
 * await transport.close();
 * ```
 */
export class PostgresTransport extends ReplicaTransport implements TransactionalTransport {
  readonly #publish: string;
  readonly #timeout: number;
  readonly #hubPaths: Set<string>;
  /** Whether a hub began after this node had read updates, which were not checked against its path. */
  #hasLateHub = false;

  /**
   * Connects in the background, and retries until it is closed.
   *
   * @throws MercureError `ERR_OPTION` for an unknown or invalid option, `ERR_PACKAGE` without the package pg.
   */
  constructor(options: PostgresTransportOptions) {
    const read = new OptionReader(options, "", {});
    const url = read.string("url");
    const pool = read.object("pool") as PostgresPool | undefined;
    if ((url === undefined) === (pool === undefined)) {
      throw new MercureError("ERR_OPTION", "PostgresTransport needs one of the options url and pool.");
    }
    if (pool !== undefined && typeof pool.options !== "object") throw invalidOption("pool", "must be a pool of pg");
    const schema = checkSchemaName(read.string("schema") ?? "mercure");
    const createSchema = read.boolean("createSchema") ?? true;
    const pollInterval = 1000 * (read.number("pollInterval", { min: 0.01, max: 60 }) ?? 0.1);
    const settings = readReplicaSettings(read, "PostgreSQL");
    read.refuseUnknown();
    const target = url ?? pool!;
    const hubPaths = new Set([defaultHubPath]);
    super(new PostgresLog({ target, schema, createSchema, pollInterval, logger: settings.logger, hubPaths }), settings);
    this.#hubPaths = hubPaths;
    this.#timeout = settings.publishTimeout;
    this.#publish = `select ${schema}.publish($1, $2, $3, $4, $5, $6, $7, $8)`;
  }

  reserve(hubPath: string): void {
    if (this.#hubPaths.has(hubPath)) return;
    this.#hubPaths.add(hubPath);
    this.#hasLateHub ||= this.head > 0;
  }

  override read(query: ReplayQuery): Replay {
    const replay = super.read(query);
    if (!this.#hasLateHub) return replay;
    return { ...replay, updates: replay.updates.filter(({ update }) => !this.#isForged(update)) };
  }

  #isForged(update: Update): boolean {
    return this.isFromOutside(update) && complaintOf(update, this.#hubPaths) !== undefined;
  }

  async publishIn(transaction: Transaction, draft: Draft): Promise<void> {
    const checked = checkedTransaction(transaction);
    // The schema exists once the transport is ready.
    if (this.state === "starting") await settledWithin(this.ready, this.#timeout);
    if (this.state === "closed") throw closedError();
    const { topics, data, private: isPrivate, id, type, retry, key, keep } = storableDraft(draft);
    const values = [[...new Set(topics)], data, isPrivate, id, type, retry, key, keep].map((value) => value ?? null);
    try {
      await checked.query(this.#publish, values);
    } catch (error) {
      const { code, message } = error as Error & { code?: unknown };
      // The errors for a missing schema or function, and the syntax errors of other kinds of databases.
      if (!/^(?:3F000|42883)$|SQLITE|PARSE|SYNTAX/.test(String(code))) throw error;
      const text = `The option transaction is not one of the hub's database, and the option outbox is missing: ${message}`;
      throw new MercureError("ERR_OPTION", text, { cause: error });
    }
  }
}
