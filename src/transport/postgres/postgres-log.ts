import { randomBytes } from "node:crypto";
import type { Client, QueryConfig, QueryResult } from "pg";
import type { Logger } from "../../shared/logger.js";
import {
  type Append,
  type Drop,
  type LogJoin,
  type LogMarks,
  type LogPage,
  LogRefusal,
  type Member,
  type SharedLog,
} from "../shared/shared-log.js";
import { Announcements } from "./announcements.js";
import { connector, destroy, type PostgresPool } from "./connections.js";
import { prepareSchema } from "./prepare-schema.js";
import { draftColumns, entryOf, type LogRow, recordOf } from "./rows.js";

export interface PostgresLogOptions {
  readonly target: string | PostgresPool;
  readonly schema: string;
  /** Whether the schema is created if it is missing. */
  readonly createSchema: boolean;
  /** The pause between two readings when the database announces nothing, in milliseconds. */
  readonly pollInterval: number;
  readonly logger: Logger;
  /** The paths of the topics that only hubs publish to. */
  readonly hubPaths: ReadonlySet<string>;
}

/**
 * The SQLSTATEs of calls that had no effect and can succeed later: a full disk, too little memory, a lock that was not
 * free in time, a deadlock, and a conflict of transactions.
 */
const refusals = new Set(["53100", "53200", "55P03", "40P01", "40001"]);

/**
 * The connections of a session: one appends, one reads, one listens. Reading thus never waits for the lock of the log.
 */
interface Clients {
  readonly writer: Client;
  readonly reader: Client;
  readonly listener: Client;
}

/** The first row of a read. */
interface MarksRow extends LogMarks {
  readonly position: null;
}

/** A log in a table of PostgreSQL. See `schema-statements.ts`. */
export class PostgresLog implements SharedLog {
  readonly #options: PostgresLogOptions;
  readonly #connect: () => Promise<Client>;
  readonly #open = new Set<Client>();
  /** The end of each connection's last query. A connection runs one query at a time. */
  readonly #turns = new WeakMap<Client, Promise<unknown>>();
  readonly #failing = new Set<(error: Error) => void>();
  #announcements: Announcements;
  #clients: Clients | undefined;
  #node = "";
  #session = "";
  /** The lease of the node, as an interval of PostgreSQL. */
  #lease = "";
  /** Counts the sessions, so that a late connection of an earlier one is closed. */
  #generation = 0;
  #hasWarned = false;

  /** @throws MercureError `ERR_PACKAGE` without the package pg. */
  constructor(options: PostgresLogOptions) {
    this.#options = options;
    this.#connect = connector(options.target, (client, error) => {
      if (this.#open.delete(client)) this.#fail(error);
    });
    this.#announcements = this.#newAnnouncements();
  }

  async join({ node, head, heard, marks, key, lease }: Member): Promise<LogJoin> {
    const generation = ++this.#generation;
    this.#node = node;
    this.#lease = `${lease} milliseconds`;
    this.#session = randomBytes(12).toString("base64url");
    this.#announcements = this.#newAnnouncements();
    return this.#call(async () => {
      const clients = await Promise.all([this.#client(generation), this.#client(generation), this.#client(generation)]);
      const [writer, reader, listener] = clients;
      const { schema, createSchema, logger } = this.#options;
      await prepareSchema(writer, schema, createSchema, logger);
      await this.#announcements.listen(listener);
      await this.#checkAnnouncements(writer);
      const newKey = Buffer.from(key ?? randomBytes(16));
      const values = [node, this.#session, this.#lease, head, heard, marks.lost, marks.seen, newKey];
      const { rows } = await writer.query(
        `select ${schema}.join_log($1, $2, $3, $4, $5, $6, $7, $8) as joined`,
        values,
      );
      const { joined } = rows[0] as { joined: LogJoin & { key: string } };
      if (generation === this.#generation) this.#clients = { writer, reader, listener };
      return { ...joined, key: Buffer.from(joined.key, "hex") };
    });
  }

  async append(batch: readonly Append[], head: number): Promise<readonly number[]> {
    const entries = JSON.stringify(batch.map(entryOf));
    const text = `select ${this.#options.schema}.append($1, $2, $3, $4, $5::jsonb) as positions`;
    const rows = await this.#query("writer", text, [this.#node, this.#session, this.#lease, head, entries], "append");
    const positions = (rows[0] as { positions: readonly string[] }).positions.map(Number);
    this.#announcements.announce(Math.max(...positions));
    return positions;
  }

  /** Resolves at once: the commit of an append has made it durable. */
  async confirm(): Promise<void> {}

  async after(position: number, count: number): Promise<LogPage> {
    const { schema } = this.#options;
    this.#announcements.beginReading();
    // One statement sees one state of the database. Its first row has the marks. PostgreSQL's planner would
    // overestimate a join of both parts, and spend milliseconds on compiling it each time.
    const none = draftColumns.replaceAll(/\w+/g, "null as $&");
    const text = `(select null::bigint as position, ${none}, null as own, null as control, null as origin, null as version,
        dropped, forgotten, lost,
        greatest(floor, deleted, dropped, lost, (select max(position) from ${schema}.log)) as last from ${schema}.meta)
      union all (select position, ${draftColumns}, own, control, origin, version, null, null, null, null
        from ${schema}.log where position > $1 order by position limit $2)
      order by position nulls first`;
    const rows = await this.#query("reader", text, [position, count], "after");
    const [first, ...found] = rows as [MarksRow | LogRow | undefined, ...LogRow[]];
    if (first === undefined || first.position !== null) {
      throw new Error(`the table ${schema}.meta is empty`);
    }
    const records = found.map((row) => recordOf(row, this.#options.logger, this.#options.hubPaths));
    const [last, dropped, forgotten, lost] = [first.last, first.dropped, first.forgotten, first.lost].map(Number);
    return { records, last: last!, dropped: dropped!, forgotten: forgotten!, lost: lost! };
  }

  wait(position: number): Promise<void> {
    return this.#call(() => this.#announcements.wait(position));
  }

  async release(drops: readonly Drop[], forgotten: number): Promise<void> {
    const positions = drops.map(({ position }) => position);
    const losses = drops.filter(({ isLoss }) => isLoss).map(({ position }) => position);
    const text = `select ${this.#options.schema}.release($1, $2, $3)`;
    await this.#query("reader", text, [positions, losses, forgotten], "release");
  }

  async renew(): Promise<void> {
    await this.#renew("reader", this.#lease);
    const { writer } = this.#connected();
    await this.#call(() => this.#checkAnnouncements(writer));
  }

  leave(): void {
    this.#generation++;
    this.#clients = undefined;
    for (const client of this.#open) destroy(client);
    this.#open.clear();
    this.#fail(new Error("the session has ended"));
  }

  async retire(): Promise<void> {
    await this.#renew("writer", "0");
  }

  async #renew(client: "reader" | "writer", duration: string): Promise<void> {
    const text = `select ${this.#options.schema}.renew($1, $2, $3)`;
    await this.#query(client, text, [this.#node, this.#session, duration], "renew");
  }

  #newAnnouncements(): Announcements {
    return new Announcements(this.#options.schema, this.#options.pollInterval);
  }

  async #client(generation: number): Promise<Client> {
    const client = await this.#connect();
    if (generation !== this.#generation) {
      destroy(client);
      throw new Error("the session has ended");
    }
    this.#open.add(client);
    // The functions of the schema need this isolation level, and the database can have another default.
    const { rows } = await client.query("show default_transaction_isolation");
    if (rows[0].default_transaction_isolation !== "read committed") {
      await client.query("set session characteristics as transaction isolation level read committed");
    }
    return client;
  }

  #connected(): Clients {
    if (this.#clients === undefined) throw new Error("the session has ended");
    return this.#clients;
  }

  #query(name: keyof Clients, text: string, values: unknown[], statement: string): Promise<readonly object[]> {
    return this.#call(async () => {
      try {
        // A pooler that drops notifications also shares connections, and prepared statements have other names there.
        const query = { text, values, ...(this.#announcements.areHeard && { name: statement }) };
        return (await this.#send(this.#connected()[name], query)).rows;
      } catch (error) {
        const { code, message } = error as Error & { code?: string };
        throw refusals.has(code ?? "") ? new LogRefusal(message, { cause: error }) : error;
      }
    });
  }

  #send(client: Client, query: QueryConfig): Promise<QueryResult> {
    const result = (this.#turns.get(client) ?? Promise.resolve()).then(() => client.query(query));
    this.#turns.set(
      client,
      result.catch(() => {}),
    );
    return result;
  }

  /** Waits for a call, and rejects when the session ends: a connection that was cut off never answers. */
  #call<T>(work: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#failing.add(reject);
      work()
        .then(resolve, reject)
        .finally(() => this.#failing.delete(reject));
    });
  }

  #fail(error: Error): void {
    for (const reject of this.#failing) reject(error);
    this.#failing.clear();
  }

  async #checkAnnouncements(writer: Client): Promise<void> {
    const text = "select pg_notify($1, $2)";
    await this.#announcements.check(this.#node, (values) => this.#send(writer, { text, values: [...values] }));
    if (this.#announcements.areHeard || this.#hasWarned) return;
    this.#hasWarned = true;
    const { logger, pollInterval } = this.#options;
    logger.warn(
      "htmx-mercure: notifications of PostgreSQL do not arrive, as behind a pooler that shares connections between " +
        `transactions. The hub reads the log every ${pollInterval} ms. Connect it directly to the database.`,
    );
  }
}
