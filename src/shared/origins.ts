import { isLoopback } from "./loopback.js";

/** Returns whether a value is the origin of an http or https URL, in the form that browsers send. */
export function isOrigin(value: string): boolean {
  return /^https?:\/\/[\w.:[\]-]+$/.test(value) && parseUrl(value)?.origin === value;
}

/** Returns the origin of a host. An origin is returned unchanged. */
export function originOfHost(host: string): string | undefined {
  if (isOrigin(host)) return host;
  // URLs accept other characters, such as the semicolon of a list with the wrong separator. No host has them.
  if (!/^[\w.:[\]-]+$/.test(host)) return undefined;
  const [scheme, port] = isLoopback(host) ? ["http", ":80"] : ["https", ":443"];
  const url = parseUrl(`${scheme}://${host}`);
  const isHost = url !== null && [url.host, url.host + port].includes(host.toLowerCase());
  return isHost ? url.origin : undefined;
}

/** Parses a URL. A relative one resolves against a host that does not exist. Returns null for an invalid one. */
export function parseUrl(value: string): URL | null {
  try {
    return new URL(value, "http://relative");
  } catch {
    return null;
  }
}
