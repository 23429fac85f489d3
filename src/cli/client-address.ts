import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";
import { UsageError } from "./errors.js";

/**
 * Parses addresses and ranges such as `10.0.0.0/8` into a block list.
 *
 * @throws UsageError for a value that is neither.
 */
export function addressesOf(ranges: readonly string[]): BlockList {
  const addresses = new BlockList();
  for (const range of ranges) {
    const [address = "", prefix] = range.split("/");
    const family = familyOf(address);
    const maxLength = family === "ipv4" ? 32 : 128;
    const length = Number(prefix ?? maxLength);
    const isLength = prefix === undefined || (/^\d+$/.test(prefix) && length <= maxLength);
    if (family === undefined || !isLength || range.split("/").length > 2) {
      throw new UsageError(`The trusted proxy "${range}" is invalid. Use an address or a range such as 10.0.0.0/8.`);
    }
    addresses.addSubnet(address, length, family);
  }
  return addresses;
}

/**
 * Returns a client's address, read from the header `X-Forwarded-For`. Every proxy appends the address of its peer. The
 * rightmost untrusted address counts. Clients can forge every entry to the left of it.
 */
export function clientAddress(
  { socket, headers }: Pick<IncomingMessage, "socket" | "headers">,
  proxies: BlockList,
): string {
  const hops = [headers["x-forwarded-for"] ?? []].flat().join(",").split(",").reverse();
  let client = socket.remoteAddress ?? "";
  for (const hop of hops) {
    const address = hop.trim();
    if (!isTrusted(client, proxies) || isIP(address) === 0) break;
    client = address;
  }
  return client;
}

function isTrusted(address: string, proxies: BlockList): boolean {
  // A dual-stack socket reports an IPv4 peer as an IPv4-mapped IPv6 address.
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  const family = familyOf(plain);
  return family !== undefined && proxies.check(plain, family);
}

function familyOf(address: string): "ipv4" | "ipv6" | undefined {
  return ({ 4: "ipv4", 6: "ipv6" } as const)[isIP(address) as 4 | 6];
}
