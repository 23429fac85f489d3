import { LmdbTransport, type LmdbTransportOptions } from "../../src/transport/lmdb/lmdb.js";
import { PostgresTransport, type PostgresTransportOptions } from "../../src/transport/postgres/postgres.js";
import { RedisTransport, type RedisTransportOptions } from "../../src/transport/redis/redis.js";
import type { Transport } from "../../src/transport/transport.js";

/** The transport of a node, in a form that its process can be told. */
export type TransportChoice =
  | { readonly kind: "lmdb"; readonly options: LmdbTransportOptions }
  | { readonly kind: "postgres"; readonly options: PostgresTransportOptions }
  | { readonly kind: "redis"; readonly options: RedisTransportOptions };

export function openTransport(choice: TransportChoice): Transport {
  if (choice.kind === "lmdb") return new LmdbTransport(choice.options);
  return choice.kind === "redis" ? new RedisTransport(choice.options) : new PostgresTransport(choice.options);
}

/** Returns the transport of a node, by the URL of the store. */
export function transportAt(url: string, nodeTimeout?: number): Transport {
  if (url.startsWith("lmdb:")) return new LmdbTransport({ path: url.slice("lmdb:".length) });
  return url.startsWith("redis:")
    ? new RedisTransport({ url, nodeTimeout })
    : new PostgresTransport({ url, nodeTimeout });
}
