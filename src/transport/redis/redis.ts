import type { ConnectionOptions } from "node:tls";
import { invalidOption, OptionReader } from "../../shared/option-reader.js";
import { ReplicaTransport } from "../shared/replica.js";
import { type ReplicaOptions, readReplicaSettings } from "../shared/replica-options.js";
import { optionsInUrl, parseRedisUrl } from "./address.js";
import { Connector } from "./connection.js";
import { keysOf } from "./keys.js";
import { RedisLog } from "./redis-log.js";
import type { RedisDurability } from "./server-checks.js";

/** The options of {@link RedisTransport}. */
export interface RedisTransportOptions extends ReplicaOptions {
  /**
   * The URL of Redis or Valkey: `redis://localhost:6379`, `rediss://user:password@host:6380/2` with TLS,
   * `redis+sentinel://host1:26379,host2:26379/mymaster` or `redis+cluster://host1:6379,host2:6379`. TLS with the last
   * two: `rediss+sentinel://` and `rediss+cluster://`. Its query can hold `prefix`, `durability`, `replicas`,
   * `publishTimeout` and `nodeTimeout`: `redis://localhost:6379?prefix=chat`. Options of the same name take precedence.
   */
  readonly url: string;
  /** The prefix of all keys. Hubs that share a server need different ones. Default `mercure`. */
  readonly prefix?: string | undefined;
  /**
   * The durability of an acknowledged update. `memory`: the server has it. `replica`: `replicas` replicas have it too,
   * so a fail-over to one of them keeps it. `disk`: the server has written it to its disk; this needs `appendonly yes`,
   * and either `appendfsync always` or Redis 8. Default `memory`.
   */
  readonly durability?: RedisDurability | undefined;
  /** The number of replicas that must have an update, with the durability `replica`. Default 1. */
  readonly replicas?: number | undefined;
  /** Options of TLS, such as `ca`, for `tls.connect`. Default: those of Node. */
  readonly tls?: ConnectionOptions | undefined;
}

const durabilities: readonly RedisDurability[] = ["memory", "replica", "disk"];

/**
 * Shares the history between any number of nodes by a server of Redis or Valkey. Needs the package `@redis/client`.
 *
 * @example
 * ```ts
 * import { RedisTransport } from "htmx-mercure/transport/redis";
 *
 * const transport = new RedisTransport({ url: "redis://localhost:6379" });
 * await transport.ready;
 * await transport.close();
 * ```
 */
export class RedisTransport extends ReplicaTransport {
  /**
   * Connects in the background, and retries until it is closed.
   *
   * @throws MercureError `ERR_OPTION` for an unknown or invalid option; `ERR_PACKAGE` without the package
   * `@redis/client`.
   */
  constructor(options: RedisTransportOptions) {
    const { url = "" } = options ?? {};
    const read = new OptionReader({ ...(typeof url === "string" && optionsInUrl(url)), ...options }, "", {});
    if (read.string("url") === undefined) throw invalidOption("url", "is missing. RedisTransport needs it");
    const address = parseRedisUrl(url, "url");
    const prefix = read.string("prefix") ?? "mercure";
    if (/[{}]/.test(prefix))
      throw invalidOption("prefix", "must not contain braces: they choose the slot of a cluster");
    const durability = (read.string("durability") ?? "memory") as RedisDurability;
    if (!durabilities.includes(durability)) throw invalidOption("durability", 'must be "memory", "replica" or "disk"');
    const replicas = read.number("replicas", { min: 1, integer: true }) ?? 1;
    const tls = (read.object("tls") ?? {}) as ConnectionOptions;
    const settings = readReplicaSettings(read, "Redis");
    read.refuseUnknown();
    const keys = keysOf(prefix);
    super(new RedisLog(new Connector(address, tls, keys[0]!), keys, durability, replicas), settings);
  }
}
