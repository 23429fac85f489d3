import assert from "node:assert/strict";
import { test } from "node:test";
import { originOf } from "../../src/cli/listen.js";

test("a hub that listens everywhere prints the address that the commands use by default", () => {
  const of = (host: string, secure = false) => originOf({ host, port: 5500, secure });
  for (const host of ["127.0.0.1", "0.0.0.0", "::"]) assert.equal(of(host), "http://127.0.0.1:5500");
  assert.equal(of("::1", true), "https://[::1]:5500");
  assert.equal(of("hub.example"), "http://hub.example:5500");
});
