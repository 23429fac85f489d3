import type { IncomingMessage } from "node:http";
import { tooManyConnections } from "../../protocol/problem.js";

/** The max numbers of open streams; 0 for unlimited. */
export interface ConnectionQuotaBounds {
  readonly total: number;
  readonly perAddress: number;
  readonly perSubject: number;
}

/** The client of a stream. */
export interface SlotHolder {
  /** Must stay the same while the client is counted. */
  readonly address: string;
  /** The token's bearer; undefined when unknown, and then only the other limits apply. */
  readonly subject: string | undefined;
  /** The client's index in {@link ConnectionQuotas}; undefined unless it is admitted. */
  place?: number | undefined;
  /** Whether the limits count the client: not while another client is about to replace it. */
  isCounted?: boolean;
}

/** Counts streams, and refuses those above the limits. Mercure 1.0 "Subscription" and "Resource Limits". */
export class ConnectionQuotas<C extends SlotHolder = SlotHolder> {
  readonly #bounds: ConnectionQuotaBounds;
  readonly #elsewhere: (subject: string) => number;
  readonly #clients: C[] = [];
  /** The number of clients that the limits do not count. */
  #uncounted = 0;
  readonly #subjects = new Map<string, number>();
  /**
   * Streams by address. Undefined while there are fewer streams than one address can have: no address exceeds its limit
   * then, which saves asking the system for each client's address.
   */
  #addresses: Map<string, number> | undefined;

  /** @param elsewhere - Returns the number of a subject's streams on other nodes. */
  constructor(bounds: ConnectionQuotaBounds, elsewhere: (subject: string) => number = () => 0) {
    this.#bounds = bounds;
    this.#elsewhere = elsewhere;
  }

  /**
   * Admits a client.
   *
   * @param last - The client that this one replaces. The limits count only one of the two from now on.
   * @throws HttpProblem when a limit is reached.
   */
  acquire(client: C, last?: C): void {
    const isReplacement = last?.isCounted && this.#isLike(client, last);
    if (isReplacement) {
      last.isCounted = false;
      this.#uncounted++;
    } else {
      this.#assertRoom(client);
      this.#count(client, 1);
    }
    client.isCounted = true;
    client.place = this.#clients.push(client) - 1;
  }

  /**
   * Counts a client out. Returns whether it was admitted.
   *
   * @param last - The client that this one could not replace.
   */
  release(client: C, last?: C): boolean {
    const { place } = client;
    if (place === undefined) return false;
    client.place = undefined;
    const moved = this.#clients.pop()!;
    if (moved !== client) {
      moved.place = place;
      this.#clients[place] = moved;
    }
    if (!client.isCounted) this.#uncounted--;
    else if (last?.place !== undefined && !last.isCounted && this.#isLike(client, last)) {
      last.isCounted = true;
      this.#uncounted--;
    } else this.#count(client, -1);
    client.isCounted = false;
    if (this.#clients.length === 0) this.#addresses = undefined;
    return true;
  }

  [Symbol.iterator](): Iterator<C> {
    return this.#clients[Symbol.iterator]();
  }

  /** Returns the number of a subject's streams on all nodes. */
  countOf(subject: string): number {
    return (this.#subjects.get(subject) ?? 0) + this.#elsewhere(subject);
  }

  /** @throws HttpProblem when a limit is reached. */
  #assertRoom(client: C): void {
    const { subject } = client;
    const { total, perSubject } = this.#bounds;
    const count = this.#clients.length - this.#uncounted;
    if (isFull(count, total)) throw tooManyConnections("The hub has reached its max connections.");
    if (this.#isFullAddress(client)) throw tooManyConnections("Too many connections come from this address.");
    if (subject !== undefined && isFull(this.countOf(subject), perSubject)) {
      throw tooManyConnections("Too many connections are open for this token's subject.");
    }
  }

  /** Returns whether two clients count for the same limits. */
  #isLike(client: C, last: C): boolean {
    return last.subject === client.subject && (this.#bounds.perAddress === 0 || last.address === client.address);
  }

  #isFullAddress(client: SlotHolder): boolean {
    const { perAddress } = this.#bounds;
    if (perAddress === 0) return false;
    if (this.#addresses === undefined) {
      if (this.#clients.length < perAddress) return false;
      this.#addresses = new Map();
      for (const { address, isCounted } of this.#clients) if (isCounted) add(this.#addresses, address, 1);
    }
    return isFull(this.#addresses.get(client.address), perAddress);
  }

  #count(client: SlotHolder, change: 1 | -1): void {
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
 * Returns a client's address. Express's `req.ip` takes precedence over the socket's address, since it honours trusted
 * proxies. All addresses of an IPv6 /64, which one host can own, count as one address.
 */
export function addressOf(req: IncomingMessage & { readonly ip?: unknown }): string {
  const address = typeof req.ip === "string" ? req.ip : (req.socket?.remoteAddress ?? "");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  return address.includes(":") ? networkOf(address) : address;
}

/** Returns the first four groups of an IPv6 address, with `::` expanded. */
function networkOf(address: string): string {
  const [head = "", tail] = address.split("%", 1)[0]!.toLowerCase().split("::");
  const groups = head === "" ? [] : head.split(":");
  const rest = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros =
    tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - groups.length - rest.length) }, () => "0");
  return `${[...groups, ...zeros, ...rest].slice(0, 4).join(":")}::/64`;
}
