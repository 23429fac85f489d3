import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { retryAfterOf } from "../../src/publisher/remote/http-answer.js";
import { publishToRemoteHub } from "../../src/publisher/remote/remote-publish.js";
import { MercureError } from "../../src/shared/errors.js";
import { fuzz, hostileText } from "../support/fuzz.js";

const draft = { topics: ["a"], data: "x", private: false };

const status = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("200 OK", "201 Created", "401 No", "301 Moved", "429 Slow", "503 No") },
  hostileText(["200", "999", "1", " ", "OK", "-"], 1_000),
);
const name = fc.constantFrom("Retry-After", "Location", "WWW-Authenticate", "Content-Type", "Content-Length", "X");
const value = hostileText(
  ["0", "1", "9999999999", "Bearer", '"', "http://", "chunked", "é", "\r", "Wed, 21 Oct"],
  30_000,
);
const head = fc
  .tuple(status, fc.array(fc.tuple(name, value), { maxLength: 4 }))
  .map(([line, fields]) => [`HTTP/1.1 ${line}`, ...fields.map((field) => field.join(": ")), "", ""].join("\r\n"));
const body = hostileText(["urn:uuid:1", "#", "\n", "<html>", "0\r\n\r\n"], 20_000);
const answer = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(head, body).map((parts) => Buffer.from(parts.join(""))) },
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
);

// An attacker who has taken over a hub's address answers with any bytes.
test("any answer of a remote hub gives an id or ERR_PUBLISH", async (t) => {
  let bytes = Buffer.alloc(0);
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/.well-known/mercure`;
  const property = fc.asyncProperty(answer, async (sent) => {
    bytes = sent;
    try {
      const id = await publishToRemoteHub(url, "token", draft, { answer: 60_000, repetition: 0 });
      assert.ok(id !== "" && !/[\r\n]/.test(id));
    } catch (error) {
      assert.ok(error instanceof MercureError && error.code === "ERR_PUBLISH", String(error));
    }
  });
  await fuzz(t, property);
});

test("any Retry-After gives a delay of zero or more", async (t) => {
  const header = hostileText(["0", "1", "-", "9", ":", " ", "GMT", "Wed, 21 Oct 2026", "07:28:00", "e"], 16_000);
  const property = fc.property(header, (text) => {
    const latin1 = text.replace(/[^\t\x20-\x7e\x80-\xff]/gu, "");
    const wait = retryAfterOf(new Response(null, { headers: { "Retry-After": latin1 } }));
    assert.ok(wait >= 0);
  });
  await fuzz(t, property);
});
