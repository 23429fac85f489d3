import type { IncomingMessage } from "node:http";
import { tooManyConnections } from "../../protocol/problem.js";

/** How many streams may be open at a time; 0 for any number. */
export interface ConnectionBounds {
  readonly total: number;
  readonly perAddress: number;
  readonly perSubject: number;
}

/** Whose stream it is. */
export interface Client {
  /** Always the same. */
  readonly address: string;
  /** Who bears the token; undefined when nobody says, and then only the other limits hold. */
  readonly subject: string | undefined;
  /** Where {@link ConnectionLimits} has it among the clients; undefined when it is not in. */
  place?: number | undefined;
}

/** Counts streams, and refuses those that are too many. Mercure 1.0 "Subscription" and "Resource Limits". */
export class ConnectionLimits<C extends Client = Client> {
  readonly #bounds: ConnectionBounds;
  readonly #clients: C[] = [];
  readonly #subjects = new Map<string, number>();
  /**
   * Undefined while there are fewer streams than one address may have: then none has too many, and nobody needs to ask
   * the system where each comes from.
   */
  #addresses: Map<string, number> | undefined;

  constructor(bounds: ConnectionBounds) {
    this.#bounds = bounds;
  }

  /** Lets a client in, or throws the refusal. */
  enter(client: C): void {
    const { subject } = client;
    const { total, perSubject } = this.#bounds;
    if (isFull(this.#clients.length, total)) throw tooManyConnections("The hub has as many connections as it takes.");
    if (this.#isFullAddress(client)) throw tooManyConnections("Too many connections come from this address.");
    if (subject !== undefined && isFull(this.#subjects.get(subject), perSubject)) {
      throw tooManyConnections("Too many connections are open for this token's subject.");
    }
    client.place = this.#clients.push(client) - 1;
    this.#count(client, 1);
  }

  /** Lets a client out. Returns whether it was in. */
  leave(client: C): boolean {
    const { place } = client;
    if (place === undefined) return false;
    client.place = undefined;
    const last = this.#clients.pop()!;
    if (last !== client) {
      last.place = place;
      this.#clients[place] = last;
    }
    this.#count(client, -1);
    if (this.#clients.length === 0) this.#addresses = undefined;
    return true;
  }

  [Symbol.iterator](): Iterator<C> {
    return this.#clients[Symbol.iterator]();
  }

  #isFullAddress(client: Client): boolean {
    const { perAddress } = this.#bounds;
    if (perAddress === 0) return false;
    if (this.#addresses === undefined) {
      if (this.#clients.length < perAddress) return false;
      this.#addresses = new Map();
      for (const { address } of this.#clients) add(this.#addresses, address, 1);
    }
    return isFull(this.#addresses.get(client.address), perAddress);
  }

  #count(client: Client, change: 1 | -1): void {
    if (this.#addresses !== undefined) add(this.#addresses, client.address, change);
    if (client.subject !== undefined) add(this.#subjects, client.subject, change);
  }
}

function isFull(count: number | undefined, bound: number): boolean {
  return bound !== 0 && (count ?? 0) >= bound;
}

function add(counts: Map<string, number>, name: string, change: 1 | -1): void {
  const count = (counts.get(name) ?? 0) + change;
  if (count === 0) counts.delete(name);
  else counts.set(name, count);
}

/**
 * Where a client is. Express knows better than the socket when the application trusts a proxy. The addresses that one
 * IPv6 network hands out to one host, a /64, are one address.
 */
export function addressOf(req: IncomingMessage & { readonly ip?: unknown }): string {
  const address = typeof req.ip === "string" ? req.ip : (req.socket?.remoteAddress ?? "");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  return address.includes(":") ? networkOf(address) : address;
}

/** The first four groups of an IPv6 address, with those that `::` stands for. */
function networkOf(address: string): string {
  const [head = "", tail] = address.split("%", 1)[0]!.toLowerCase().split("::");
  const groups = head === "" ? [] : head.split(":");
  const rest = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros =
    tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - groups.length - rest.length) }, () => "0");
  return `${[...groups, ...zeros, ...rest].slice(0, 4).join(":")}::/64`;
}
