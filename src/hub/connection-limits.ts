import type { IncomingMessage } from "node:http";
import { tooManyConnections } from "../protocol/problem.js";

/** How many streams may be open at a time; 0 for any number. */
export interface ConnectionBounds {
  readonly total: number;
  readonly perAddress: number;
  readonly perSubject: number;
}

/** Counts streams, and refuses those that are too many. Mercure 1.0 "Subscription" and "Resource Limits". */
export class ConnectionLimits {
  readonly #bounds: ConnectionBounds;
  readonly #addresses = new Map<string, number>();
  readonly #subjects = new Map<string, number>();
  #total = 0;

  constructor(bounds: ConnectionBounds) {
    this.#bounds = bounds;
  }

  /**
   * Lets a client in, or throws the refusal.
   *
   * @param subject - Who bears the token; undefined when nobody says, and then only the other limits hold.
   */
  enter(address: string, subject: string | undefined): void {
    const { total, perAddress, perSubject } = this.#bounds;
    if (isFull(this.#total, total)) throw tooManyConnections("The hub has as many connections as it takes.");
    if (isFull(this.#addresses.get(address), perAddress)) {
      throw tooManyConnections("Too many connections come from this address.");
    }
    if (subject !== undefined && isFull(this.#subjects.get(subject), perSubject)) {
      throw tooManyConnections("Too many connections are open for this token's subject.");
    }
    this.#count(address, subject, 1);
  }

  /** Lets out who was let in. */
  leave(address: string, subject: string | undefined): void {
    this.#count(address, subject, -1);
  }

  #count(address: string, subject: string | undefined, change: 1 | -1): void {
    this.#total += change;
    add(this.#addresses, address, change);
    if (subject !== undefined) add(this.#subjects, subject, change);
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
