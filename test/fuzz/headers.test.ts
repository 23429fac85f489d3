import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import fc from "fast-check";
import { Cors } from "../../src/hub/http/cors.js";
import { cookiesOf, isSameOrigin, pathFromHub, queryOf, textHeader } from "../../src/hub/http/request.js";
import { HttpProblem } from "../../src/protocol/problem.js";
import { CursorCipher } from "../../src/transport/cursor.js";
import { MemoryTransport } from "../../src/transport/memory/memory.js";
import { fuzz, hostileText } from "../support/fuzz.js";

const hubPath = "/.well-known/mercure";
const of = (headers: Record<string, string>, url = "/") => ({ headers, url }) as unknown as IncomingMessage;

test("any cookies have names and values without separators", async (t) => {
  const cookies = hostileText(["a=", "a", "=", ";", " ", '"', '""', "b=c", ",", "\t"]);
  const property = fc.property(cookies, (cookie) => {
    for (const [name, value] of cookiesOf(of({ cookie }))) {
      assert.ok(cookie.includes(name) && cookie.includes(value) && !/[;=]/.test(name) && !value.includes(";"));
    }
  });
  await fuzz(t, property);
});

test("an Origin or Referer matches the host only when it is a URL of that host", async (t) => {
  const pieces = [
    "https://",
    "http:",
    "//",
    "hub.example",
    "evil.example",
    ":443",
    "@",
    "/",
    "\\",
    ".",
    "null",
    "?",
    "#",
  ];
  const source = hostileText(pieces, 4_096);
  const property = fc.property(source, fc.constantFrom("origin", "referer"), (value, name) => {
    const request = of({ [name]: value, host: "hub.example" });
    const isSame = isSameOrigin(request, { listed: ["https://shop.example"] });
    const url = URL.canParse(value) ? new URL(value) : undefined;
    assert.equal(isSame, url?.host === "hub.example" || url?.origin === "https://shop.example");
  });
  await fuzz(t, property);
});

test("only listed origins can send cookies", async (t) => {
  const cors = new Cors(["https://shop.example", "*"]);
  const property = fc.property(hostileText(["https://", "shop.example", "*", ",", " ", ".", "null"]), (origin) => {
    const sent = new Map<string, string>();
    const response = {
      setHeader: (name: string, value: string) => sent.set(name, value),
      getHeader: (name: string) => sent.get(name),
    };
    cors.apply(of({ origin }), response as never);
    const isListed = origin === "https://shop.example";
    assert.equal(sent.get("Access-Control-Allow-Origin"), isListed ? origin : "*");
    assert.equal(sent.has("Access-Control-Allow-Credentials"), isListed);
  });
  await fuzz(t, property);
});

test("any URL is the hub's, below it, or neither, and its query is read or rejected", async (t) => {
  const url = hostileText([
    hubPath,
    "/",
    "?",
    "&",
    "=",
    "%2e",
    "%ff",
    "..",
    "//",
    "subscriptions",
    "#",
    "*",
    "http://a",
  ]);
  const property = fc.property(url, fc.constantFrom(undefined, "/app", hubPath), (text, baseUrl) => {
    const request = Object.assign(of({}, text), { baseUrl });
    pathFromHub(request, hubPath);
    try {
      queryOf(request);
    } catch (error) {
      assert.ok(error instanceof HttpProblem && (error.status === 400 || error.status === 413));
    }
  });
  await fuzz(t, property);
});

test("any Last-Event-ID is a position that the hub issued, or unknown", async (t) => {
  const cipher = new CursorCipher();
  const transport = new MemoryTransport();
  const id = fc.oneof(
    hostileText(["#", "earliest", "-", "_", "A", "urn:uuid:", "\u00e9", "\u00ff"]),
    fc.uint8Array({ minLength: 16, maxLength: 17 }).map((bytes) => `#${Buffer.from(bytes).toString("base64url")}`),
    fc.maxSafeNat().map((position) => ({ position })),
  );
  const property = fc.property(id, (text) => {
    if (typeof text === "object") assert.equal(cipher.decode(cipher.encode(text.position)), text.position);
    else {
      const read = textHeader(of({ "last-event-id": text }), "last-event-id")!;
      assert.equal(cipher.decode(read), undefined);
      assert.equal(transport.positionOf(read), undefined);
    }
  });
  await fuzz(t, property);
});
