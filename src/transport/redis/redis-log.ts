import { createHash, randomUUID } from "node:crypto";
import {
  type Append,
  type Drop,
  type LogJoin,
  type LogMarks,
  type LogPage,
  LogRefusal,
  type Member,
  type NodeEntry,
  type SharedLog,
} from "../shared/shared-log.js";
import type { Connector, RedisConnection, Reply } from "./connection.js";
import { decodeRecord, encodeContent, encodeId } from "./record-codec.js";
import { appendScript, joinScript, releaseScript, renewScript } from "./scripts.js";
import { checkServer, type RedisDurability } from "./server-checks.js";

const scripts = [appendScript, joinScript, releaseScript, renewScript];
const hashes = new Map(scripts.map((script) => [script, createHash("sha1").update(script).digest("hex")]));

/** The max time that one wait for replicas or the disk takes, in milliseconds. */
const maxConfirm = 1000;

/**
 * A shared log in Redis or Valkey: a stream, and hashes beside it, in one slot of a cluster. One script appends a
 * batch. Each connection has one purpose, so a wait does not delay other calls.
 */
export class RedisLog implements SharedLog {
  readonly #connector: Connector;
  readonly #keys: readonly string[];
  readonly #durability: RedisDurability;
  readonly #replicas: number;
  #connections: RedisConnection[] = [];
  #node = "";
  #session = "";
  #lease = 0;
  #isSynced = false;

  /** @param replicas - The number of replicas that must confirm, with the durability `replica`. */
  constructor(connector: Connector, keys: readonly string[], durability: RedisDurability, replicas: number) {
    this.#connector = connector;
    this.#keys = keys;
    this.#durability = durability;
    this.#replicas = replicas;
  }

  async join({ node, head, heard, marks, key, lease }: Member): Promise<LogJoin> {
    const session = randomUUID();
    this.#node = node;
    this.#session = session;
    this.#lease = lease;
    const host = await this.#connector.find();
    const opened = await Promise.allSettled([0, 1, 2].map(() => this.#connector.open(host)));
    const connections = opened.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    const failed = opened.find((each) => each.status === "rejected");
    if (failed !== undefined || this.#session !== session) {
      for (const connection of connections) connection.close();
      throw failed?.reason ?? new Error("the session has ended");
    }
    this.#connections = connections;
    this.#isSynced = await checkServer(this.#reader, this.#durability);
    await Promise.all(scripts.map((script) => this.#writer.send("SCRIPT", "LOAD", script)));
    const known = [head, heard, marks.lost, marks.seen].map(String);
    const newKey = key ?? Buffer.from(randomUUID().replaceAll("-", ""), "hex");
    const reply = await this.#run(this.#writer, joinScript, ...known, Buffer.from(newKey).toString("hex"));
    const [cursorKey, now, missed, seen, found, entries] = reply as [string, string, string, string, Reply, string[]];
    return {
      key: Buffer.from(cursorKey, "hex"),
      now: Number(now),
      missed: Number(missed),
      seen: Number(seen),
      ...marksOf(found),
      entries: entriesOf(entries),
    };
  }

  async append(batch: readonly Append[], head: number): Promise<readonly number[]> {
    const args = batch.flatMap(({ origin, content, repeats }) => {
      const { content: text, own, id, changes } = encodeContent(content);
      return [origin, id, String(repeats), text, own, String(changes.length / 2), ...changes];
    });
    try {
      const positions = (await this.#run(this.#writer, appendScript, String(head), ...args)) as string[];
      return positions.map(Number);
    } catch (error) {
      // Redis refused the first write of the script, so the script has written nothing.
      if (/\b(OOM|MISCONF|NOREPLICAS)\b/.test((error as Error).message)) throw new LogRefusal((error as Error).message);
      throw error;
    }
  }

  async confirm(): Promise<void> {
    if (this.#durability === "replica") {
      const count = Number(await this.#writer.send("WAIT", String(this.#replicas), String(maxConfirm)));
      if (count < this.#replicas) throw new LogRefusal(`${count} of ${this.#replicas} replicas have the update`);
    }
    if (this.#durability === "disk" && !this.#isSynced) {
      const [local] = (await this.#writer.send("WAITAOF", "1", "0", String(maxConfirm))) as number[];
      if (Number(local) < 1) throw new LogRefusal("the update is not on the disk of the server");
    }
  }

  async after(position: number, count: number): Promise<LogPage> {
    const [log, , meta] = this.#keys as [string, string, string];
    const reader = this.#reader;
    // All commands are sent at once, so no other command runs between them.
    const replies = await Promise.all([
      reader.send("MULTI"),
      reader.send("XRANGE", log, `${position + 1}-0`, "+", "COUNT", String(count)),
      reader.send("HMGET", meta, "last", "dropped", "forgotten", "lost"),
      reader.send("EXEC"),
    ]);
    const result = replies[3] as [readonly (readonly [string, string[]])[], Reply] | null;
    if (result === null) throw new Error("the transaction was aborted");
    return { records: result[0].map(decodeRecord), ...marksOf(result[1]) };
  }

  async wait(position: number): Promise<void> {
    const args = ["XREAD", "COUNT", "1", "BLOCK", "2000", "STREAMS", this.#keys[0]!, `${position}-0`];
    await this.#waiter.send(...args);
  }

  async release(drops: readonly Drop[], forgotten: number): Promise<void> {
    const args = drops.flatMap(({ position, id, isLoss }) => [String(position), encodeId(id), isLoss ? "1" : "0"]);
    await this.#evaluate(this.#reader, releaseScript, String(forgotten), ...args);
  }

  async renew(): Promise<void> {
    await this.#run(this.#reader, renewScript);
    this.#isSynced = await checkServer(this.#reader, this.#durability);
  }

  leave(): void {
    this.#session = "";
    for (const connection of this.#connections.splice(0)) connection.close();
  }

  async retire(): Promise<void> {
    await this.#evaluate(this.#reader, renewScript, this.#node, this.#session, "0");
  }

  get #writer(): RedisConnection {
    return this.#connection(0);
  }

  get #reader(): RedisConnection {
    return this.#connection(1);
  }

  get #waiter(): RedisConnection {
    return this.#connection(2);
  }

  #connection(index: number): RedisConnection {
    const connection = this.#connections[index];
    if (connection === undefined) throw new Error("the connection has ended");
    return connection;
  }

  /** Runs a script whose arguments begin with the node, its session and the duration of the lease. */
  #run(connection: RedisConnection, script: string, ...args: readonly string[]): Promise<Reply> {
    return this.#evaluate(connection, script, this.#node, this.#session, String(this.#lease), ...args);
  }

  #evaluate(connection: RedisConnection, script: string, ...args: readonly string[]): Promise<Reply> {
    return connection.send("EVALSHA", hashes.get(script)!, String(this.#keys.length), ...this.#keys, ...args);
  }
}

function marksOf(reply: Reply): LogMarks {
  const [last = 0, dropped = 0, forgotten = 0, lost = 0] = (reply as Reply[]).map(Number);
  return { last, dropped, forgotten, lost };
}

/** @param fields - Names and values, alternately: `node key` in JSON, and the value in JSON. */
function entriesOf(fields: readonly string[]): NodeEntry[] {
  const entries: NodeEntry[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const space = fields[i]!.indexOf(" ");
    const key = JSON.parse(fields[i]!.slice(space + 1)) as string;
    entries.push([fields[i]!.slice(0, space), key, JSON.parse(fields[i + 1]!) as string]);
  }
  return entries;
}
