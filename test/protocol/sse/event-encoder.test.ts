import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import fc from "fast-check";
import { emptyComment, encodeEvent, type ServerSentEvent } from "../../../src/protocol/sse/event-encoder.js";
import { anyCharacter } from "../../support/any-character.js";
import { cases } from "../../support/cases.js";

/** Text of the characters that parsers treat specially, lone surrogates included. */
const anyText = fc
  .array(
    fc.oneof(
      fc.constantFrom("\r", "\n", "\r\n", "\ufeff", "\0", " ", ":", "data: ", "\nid: 1", "\n\n", "\ud800", "\udc00"),
      fc.string({ unit: anyCharacter }),
      fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    ),
  )
  .map((parts) => parts.join(""));

/** Text that is valid in ids and types. */
const anyName = fc
  .string({ unit: anyCharacter, minLength: 1 })
  .map((text) => text.replace(/[\p{Cc}\p{Cf}]/gu, "") || "x");

const anyEvent = fc.record(
  { data: anyText, id: anyName, type: anyName, retry: fc.maxSafeNat() },
  { requiredKeys: ["data"] },
);

/** The events that an EventSource dispatches to the page, by the HTML standard, section 9.2.6. */
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
  test("delivers any data as the HTML standard says, however the network cuts it", () => {
    fc.assert(
      fc.property(fc.array(anyEvent), fc.array(fc.nat()), (events, cuts) => {
        const parsed = parse(events.map(encodeEvent).join(""), cuts);
        assert.deepEqual(parsed.events, events.map(received));
        assert.deepEqual(
          parsed.retries,
          events.flatMap(({ retry }) => retry ?? []),
        );
      }),
      { numRuns: cases(500) },
    );
  });

  test("writes a field for each line, whatever ends it", () => {
    assert.equal(encodeEvent({ data: "a\nb\rc\r\nd" }), "data: a\ndata: b\ndata: c\ndata: d\n\n");
  });

  test("dispatches empty data", () => {
    assert.equal(encodeEvent({ data: "" }), "data: \n\n");
    assert.deepEqual(parse(encodeEvent({ type: "ping" })).events, [{ data: "", id: undefined, event: "ping" }]);
  });

  test("keeps leading spaces, outer line breaks and colons", () => {
    for (const data of ["  indented", "\n", "\n\na\n", ":", "a: b", "data: x"]) {
      assert.equal(parse(encodeEvent({ data })).events[0]?.data, data);
    }
  });

  test("writes all fields of an event", () => {
    const event = encodeEvent({ data: "x", type: "note", id: "urn:1", retry: 3000 });
    assert.equal(event, "id: urn:1\nevent: note\nretry: 3000\ndata: x\n\n");
  });

  // A publisher smuggles a field, or a whole event, into the stream by a line break in a type or an id.
  test("rejects a line break in a type or an id", () => {
    for (const value of ["a\ndata: forged", "a\rid: 1", "a\r\n\r\ndata: forged", "a\u0085b", "a\u2028b\0"]) {
      assert.throws(() => encodeEvent({ type: value }), { code: "ERR_UPDATE" });
      assert.throws(() => encodeEvent({ id: value }), { code: "ERR_UPDATE" });
    }
  });

  // Clients ignore an id with NUL, and would then resume after an older event and see updates twice.
  test("rejects NUL in an id", () => {
    assert.throws(() => encodeEvent({ id: "a\0" }), { code: "ERR_UPDATE", message: /U\+0000/ });
  });

  // JavaScript callers can pass a string with a line break as retry.
  test("rejects a retry that is not a whole number of milliseconds", () => {
    for (const retry of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, "1\ndata: forged"]) {
      assert.throws(() => encodeEvent({ retry: retry as number }), { code: "ERR_UPDATE" });
    }
  });
});

describe("emptyComment", () => {
  test("writes nothing that clients see as an event", () => {
    assert.deepEqual(parse(emptyComment).comments, [""]);
    assert.equal(parse(`${emptyComment}${encodeEvent({ data: "x" })}`).events.length, 1);
  });
});
