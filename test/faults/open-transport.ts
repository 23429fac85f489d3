import { LmdbTransport, type LmdbTransportOptions } from "../../src/transport/lmdb/lmdb.js";
import type { Transport } from "../../src/transport/transport.js";

/** The transport of a node, in a form that its process can be told. */
export interface TransportChoice {
  readonly kind: "lmdb";
  readonly options: LmdbTransportOptions;
}

export async function openTransport({ options }: TransportChoice): Promise<Transport> {
  return new LmdbTransport(options);
}
