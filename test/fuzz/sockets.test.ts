import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { publisherKey, startHub, token, until } from "../hub/fixture.js";
import { fuzz, hostileText } from "../support/fuzz.js";

const path = "/.well-known/mercure";
const tokens = {
  subscriber: await token({ subscribe: ["*"], payload: { x: 1 } }),
  publisher: await token({ publish: ["*"] }, {}, publisherKey),
};

const methods = ["GET", "HEAD", "POST", "QUERY", "OPTIONS", "PUT", "CONNECT", "get", ""];
const query = hostileText(
  [
    "topic=",
    "match=",
    "match_urlpattern=",
    "lastEventID=earliest",
    "&",
    "a",
    "{x}",
    ":x",
    "(a+)+",
    "%",
    "%ff",
    "*",
    "é",
  ],
  16_000,
);
const below = hostileText(["/subscriptions", "/", "a", "%2F", "%ff", "..", "urlpattern", "exact", "?"], 4_000);
const target = fc.oneof(
  { weight: 6, arbitrary: query.map((text) => `${path}?${text}`) },
  { weight: 2, arbitrary: below.map((text) => path + text) },
  hostileText(["/", "*", "http://a/", "//", path, "?", "/.well-known/oauth-protected-resource"], 4_000),
);
const authorization = fc.oneof(
  fc.constantFrom(...Object.values(tokens).map((each) => `Bearer ${each}`)),
  hostileText(["Bearer ", "Basic ", "eyJhbGciOiJIUzI1NiJ9.", ".", "="], 4_000),
);
const field = fc.oneof(
  { weight: 3, arbitrary: authorization.map((value) => `Authorization: ${value}`) },
  fc.constantFrom(
    "Content-Type: application/x-www-form-urlencoded",
    "Transfer-Encoding: chunked",
    "Expect: 100-continue",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "If-None-Match: *",
    "Origin: https://shop.example",
    "Access-Control-Request-Method: POST",
    "Cookie: mercureAuthorization=x",
    "Last-Event-ID: earliest",
  ),
  fc.nat(100).map((length) => `Content-Length: ${length}`),
  hostileText(["Last-Event-ID", "Cookie", "Origin", "Referer", ":", " ", "a", "é", "\t", ";", "=", "\r\n"], 17_000),
);
const body = hostileText(
  ["topic=a", "&", "data=", "x", "private", "id=", "%ff", "retry=", "5\r\n", "0\r\n\r\n"],
  20_000,
);
const request = fc
  .tuple(fc.constantFrom(...methods), target, fc.array(field, { maxLength: 5 }), body)
  .map(
    ([method, url, fields, text]) => `${method} ${url} HTTP/1.1\r\nHost: a\r\n${fields.join("\r\n")}\r\n\r\n${text}`,
  );
const bytes = fc.oneof(
  { weight: 6, arbitrary: request.map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: fc.tuple(request, request).map((two) => Buffer.from(two.join(""))) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)) },
);

// A stranger sends any bytes, in pieces, and disconnects in the middle of an answer.
test("the hub answers or closes on any bytes, and serves the next client", async (t) => {
  const options = { allowPublish: true, corsOrigins: ["https://shop.example"], maxPublishBytes: 10_000 };
  const { origin, hub, errors } = await startHub(t, options);
  const { port } = new URL(origin);
  const send = (sent: Buffer, cut: number) =>
    new Promise<string>((resolve) => {
      const socket = connect(Number(port), "127.0.0.1");
      socket.setNoDelay(true);
      let answer = "";
      socket.on("error", () => {});
      socket.on("close", () => resolve(answer));
      socket.on("data", (chunk) => {
        answer += chunk.toString("latin1");
        socket.resetAndDestroy();
      });
      socket.write(sent.subarray(0, cut));
      socket.end(sent.subarray(cut));
    });
  const property = fc.asyncProperty(bytes, fc.nat(100), async (sent, cut) => {
    const answer = await send(sent, cut);
    assert.ok(answer === "" || /^HTTP\/1\.1 [1-4]\d\d /.test(answer), answer.slice(0, 200));
  });
  await fuzz(t, property);

  await until(() => hub.connections === 0);
  assert.deepEqual(errors, []);
  const published = hub.publish({ topics: ["a"], data: "x", private: false });
  assert.match(await send(Buffer.from(`GET ${path}?topic=a HTTP/1.1\r\nHost: a\r\n\r\n`), 0), /^HTTP\/1\.1 200 /);
  await published;
});
