import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import fc from "fast-check";
import { encodeComment, encodeEvent, type ServerSentEvent } from "../../src/protocol/sse.js";

/** Text made of what parsers stumble over, lone surrogates included. */
const anyText = fc
  .array(
    fc.oneof(
      fc.constantFrom("\r", "\n", "\r\n", "\ufeff", "\0", " ", ":", "data: ", "\nid: 1", "\n\n", "\ud800", "\udc00"),
      fc.string({ unit: "binary" }),
      fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    ),
  )
  .map((parts) => parts.join(""));

/** Text that ids and types may be. */
const anyName = fc.string({ unit: "binary", minLength: 1 }).map((text) => text.replace(/[\p{Cc}\p{Cf}]/gu, "") || "x");

const anyEvent = fc.record(
  { data: anyText, id: anyName, type: anyName, retry: fc.maxSafeNat() },
  { requiredKeys: ["data"] },
);

/** What an EventSource hands to the page for an event, by the HTML standard, section 9.2.6. */
function received({ data = "", id, type }: ServerSentEvent): Partial<EventSourceMessage> {
  return { data: data.replace(/\r\n?/g, "\n").toWellFormed(), id, event: type };
}

/** Parses the UTF-8 bytes of a text, cut in pieces. */
function parse(text: string, cuts: number[] = []) {
  const events: Partial<EventSourceMessage>[] = [];
  const retries: number[] = [];
  const comments: string[] = [];
  const parser = createParser({
    onEvent: ({ data, id, event }) => events.push({ data, id, event }),
    onRetry: (retry) => retries.push(retry),
    onComment: (comment) => comments.push(comment),
    onError: (error) => assert.fail(error),
  });
  const decoder = new TextDecoder();
  const bytes = Buffer.from(text);
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let start = 0;
  for (const end of ends) {
    parser.feed(decoder.decode(bytes.subarray(start, end), { stream: true }));
    start = end;
  }
  return { events, retries, comments };
}

describe("encodeEvent", () => {
  test("any data arrives as the HTML standard says, however the network cuts it", () => {
    fc.assert(
      fc.property(fc.array(anyEvent), fc.array(fc.nat()), (events, cuts) => {
        const parsed = parse(events.map(encodeEvent).join(""), cuts);
        assert.deepEqual(parsed.events, events.map(received));
        assert.deepEqual(
          parsed.retries,
          events.flatMap(({ retry }) => retry ?? []),
        );
      }),
      { numRuns: 500 },
    );
  });

  test("several lines become several fields, whatever ends them", () => {
    assert.equal(encodeEvent({ data: "a\nb\rc\r\nd" }), "data: a\ndata: b\ndata: c\ndata: d\n\n");
  });

  test("empty data is dispatched all the same", () => {
    assert.equal(encodeEvent({ data: "" }), "data: \n\n");
    assert.deepEqual(parse(encodeEvent({ type: "ping" })).events, [{ data: "", id: undefined, event: "ping" }]);
  });

  test("leading spaces, outer line breaks and colons are kept", () => {
    for (const data of ["  indented", "\n", "\n\na\n", ":", "a: b", "data: x"]) {
      assert.equal(parse(encodeEvent({ data })).events[0]?.data, data);
    }
  });

  test("all fields of one event", () => {
    const event = encodeEvent({ data: "x", type: "note", id: "urn:1", retry: 3000 });
    assert.equal(event, "id: urn:1\nevent: note\nretry: 3000\ndata: x\n\n");
  });

  // A publisher smuggles a field, or a whole event, into the stream by ending the line of a type or an id.
  test("a line break in a type or an id is refused", () => {
    for (const value of ["a\ndata: forged", "a\rid: 1", "a\r\n\r\ndata: forged", "a\u0085b", "a\u2028b\0"]) {
      assert.throws(() => encodeEvent({ type: value }), { code: "ERR_UPDATE" });
      assert.throws(() => encodeEvent({ id: value }), { code: "ERR_UPDATE" });
    }
  });

  // An id with NUL is ignored by clients, who would then resume after an older event and see updates twice.
  test("NUL in an id is refused", () => {
    assert.throws(() => encodeEvent({ id: "a\0" }), { code: "ERR_UPDATE", message: /U\+0000/ });
  });

  // JavaScript callers are not held by types: a retry may be a string with a line break.
  test("a retry that is no whole number of milliseconds is refused", () => {
    for (const retry of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, "1\ndata: forged"]) {
      assert.throws(() => encodeEvent({ retry: retry as number }), { code: "ERR_UPDATE" });
    }
  });
});

describe("encodeComment", () => {
  test("clients see no event", () => {
    assert.equal(encodeComment(), ":\n");
    assert.deepEqual(parse(`${encodeComment()}${encodeEvent({ data: "x" })}`).events.length, 1);
  });

  // A comment that holds somebody's text must not become a field.
  test("every line of a comment is a comment", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        assert.deepEqual(parse(encodeComment(text)).events, []);
      }),
    );
    assert.deepEqual(parse(encodeComment("a\rdata: b")).comments, ["a", "data: b"]);
  });
});
