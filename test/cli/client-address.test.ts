import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { describe, test } from "node:test";
import { addressesOf, clientAddress } from "../../src/cli/client-address.js";

describe("the address of a client behind proxies", () => {
  const proxies = addressesOf(["10.0.0.0/8", "::1", "2001:db8::/32"]);
  const of = (remoteAddress: string, forwarded?: string | string[]) => {
    const headers = forwarded === undefined ? {} : { "x-forwarded-for": forwarded };
    return clientAddress({ socket: { remoteAddress }, headers } as unknown as IncomingMessage, proxies);
  };

  test("is the address before the last trusted proxy, or the client's own", () => {
    assert.equal(of("10.1.2.3", "192.0.2.1"), "192.0.2.1");
    assert.equal(of("10.1.2.3", "198.51.100.1, 192.0.2.1 ,10.9.9.9"), "192.0.2.1");
    assert.equal(of("::1", "2001:db8::7, 2001:db8:1::7"), "2001:db8::7", "all are trusted: the farthest");
    assert.equal(of("::ffff:10.1.2.3", "192.0.2.1"), "192.0.2.1");
    assert.equal(of("10.1.2.3", ["192.0.2.1", "192.0.2.2"]), "192.0.2.2");
  });

  // A client that invents a new address for each connection would escape every limit.
  test("ignores addresses that clients write themselves", () => {
    assert.equal(of("192.0.2.1", "198.51.100.1"), "192.0.2.1");
    assert.equal(of("10.1.2.3", "198.51.100.1, 192.0.2.1"), "192.0.2.1");
  });

  test("falls back to the proxy's where the header holds no valid address", () => {
    for (const forwarded of [undefined, "", "unknown", "192.0.2.1, nonsense"]) {
      assert.equal(of("10.1.2.3", forwarded), "10.1.2.3");
    }
  });

  test("rejects invalid ranges", () => {
    for (const range of ["proxy", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8/8", "::1/129", "10.0.0/8", "1.1.1.1/-1"]) {
      assert.throws(() => addressesOf([range]), /The trusted proxy .* is invalid/, range);
    }
  });
});
