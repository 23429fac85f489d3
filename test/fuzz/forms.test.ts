import assert from "node:assert/strict";
import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import { requestedDraft } from "../../src/hub/handlers/publication-request.js";
import { readForm } from "../../src/hub/http/form-body.js";
import { validateDraft } from "../../src/protocol/draft.js";
import { maxFields, parseForm } from "../../src/protocol/form.js";
import { HttpProblem } from "../../src/protocol/problem.js";
import { MercureError } from "../../src/shared/errors.js";
import { fuzz, hostileText } from "../support/fuzz.js";

const formType = "application/x-www-form-urlencoded";
const limit = 64 * 1024;
const limits = { bytes: limit, topics: 4, fieldLength: 4_096 };

const text = hostileText(["topic=", "data", "&", "=", "%", "%ff", "%C3%A9", "%ed%a0%80", "%0", "+", "\ufeff"], limit);

test("reads a form as URLSearchParams does, or refuses invalid UTF-8 and too many fields", async (t) => {
  const property = fc.property(text, (form) => {
    if (form.split("&").length > maxFields) return assert.throws(() => parseForm(form), { status: 413 });
    // Node's own parser misreads a stray percent sign beside characters beyond ASCII.
    const ascii = form.replace(/%(?![0-9a-f]{2})/gi, "%25").replace(/[^\0-\x7f]+/g, encodeURIComponent);
    const parsed = parseForm(form);
    assert.equal(parsed !== undefined, isUtf8(decodedBytes(ascii)));
    if (parsed !== undefined) assert.equal(parsed.toString(), new URLSearchParams(`&${ascii}`).toString());
  });
  await fuzz(t, property);
});

const field = fc.oneof(
  fc.constantFrom("topic", "data", "private", "id", "type", "retry"),
  hostileText(["topic", "data"]),
);
const value = hostileText(
  [
    "*",
    "/.well-known/mercure",
    "%2e",
    "..",
    "/",
    "//",
    "http:",
    "\n",
    "\0",
    "\u200e",
    "#",
    "earliest",
    "1",
    "9999999999",
  ],
  8_192,
);
const bytes = fc.oneof(
  fc.array(fc.tuple(field, value), { maxLength: 6 }).map((pairs) => Buffer.from(String(new URLSearchParams(pairs)))),
  text.map((form) => Buffer.from(form)),
  fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)),
);

test("any body of a publication is a valid update, or rejected", async (t) => {
  const contentType = fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(formType, `${formType};charset=utf-8`) },
    hostileText([formType, ";", " ", "="]),
  );
  const property = fc.asyncProperty(bytes, fc.nat(40), contentType, async (body, cut, type) => {
    const request = Readable.from([body.subarray(0, cut), body.subarray(cut)].filter((part) => part.length > 0));
    try {
      const draft = await requestedDraft(asRequest(request, { "content-type": type }), limits);
      validateDraft(draft);
    } catch (error) {
      assert.ok(error instanceof HttpProblem || error instanceof MercureError, String(error));
    }
  });
  await fuzz(t, property);
});

test("any body that a parser of the application has read is a form, or rejected", async (t) => {
  const parsed = fc.oneof(
    fc.dictionary(field, fc.oneof(value, fc.array(fc.oneof(value, fc.anything())), fc.anything())),
    bytes,
    fc.anything(),
  );
  const property = fc.asyncProperty(parsed, async (body) => {
    const request = Object.assign(Readable.from([]), { body });
    request.resume();
    Object.defineProperty(request, "readableEnded", { value: typeof body === "object" && body !== null });
    try {
      assert.ok((await readForm(asRequest(request), limit)) instanceof URLSearchParams);
    } catch (error) {
      assert.ok(error instanceof HttpProblem, String(error));
    }
  });
  await fuzz(t, property);
});

function asRequest(stream: Readable, headers: Record<string, string> = {}): IncomingMessage {
  return Object.assign(stream, { headers }) as unknown as IncomingMessage;
}

function decodedBytes(text: string): Buffer {
  const latin1 = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(latin1, "latin1");
}
