import { LmdbTransport, type LmdbTransportOptions } from "../../src/transport/lmdb/lmdb.js";
import { RedisTransport, type RedisTransportOptions } from "../../src/transport/redis/redis.js";
import type { Transport } from "../../src/transport/transport.js";

/** The transport of a node, in a form that its process can be told. */
export type TransportChoice =
  | { readonly kind: "lmdb"; readonly options: LmdbTransportOptions }
  | { readonly kind: "redis"; readonly options: RedisTransportOptions };

export function openTransport(choice: TransportChoice): Transport {
  return choice.kind === "lmdb" ? new LmdbTransport(choice.options) : new RedisTransport(choice.options);
}
