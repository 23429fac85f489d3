import assert from "node:assert/strict";
import { test } from "node:test";
import { createParser } from "eventsource-parser";
import fc from "fast-check";
import { terminalText } from "../../src/cli/terminal-text.js";
import { isHeaderOf, parseAddress, requestFor, textAtCursor } from "../../src/client/core/stream-address.js";
import { EventStreamParser, type StreamEvent } from "../../src/protocol/sse/event-stream-parser.js";
import { fuzz, hostileText } from "../support/fuzz.js";

const pieces = ["data: x\n\n", "data", "event", "event: e\n", "id", "id: 1\n", "id: \0\n", "retry: 10\n", "retry", ":"];
const breaks = [" ", "\n", "\r", "\r\n", "\n\n", "\r\r", "\ufeff", "é", "🎉"];
const stream = hostileText([...pieces, ...breaks], 100_000);
/** Includes bytes that are invalid UTF-8. */
const bytes = fc.oneof(
  { weight: 5, arbitrary: stream.map((text) => new TextEncoder().encode(text)) },
  fc.uint8Array({ maxLength: 100 }),
);
const cuts = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 });

/** The bytes in pieces of the given lengths, and the rest as the last piece. */
function* cut(all: Uint8Array, lengths: readonly number[]): Generator<Uint8Array> {
  let start = 0;
  for (const length of lengths) {
    yield all.subarray(start, start + length);
    start += length;
  }
  yield all.subarray(start);
}

interface Reading {
  readonly events: StreamEvent[];
  readonly retries: number[];
  lastEventId: string;
}

function read(chunks: Iterable<Uint8Array>): Reading {
  const reading: Reading = { events: [], retries: [], lastEventId: "" };
  const parser = new EventStreamParser({
    event: (event) => reading.events.push(event),
    lastEventId: (id) => {
      reading.lastEventId = id;
    },
    retry: (milliseconds) => reading.retries.push(milliseconds),
  });
  for (const chunk of chunks) parser.push(chunk);
  return reading;
}

test("a stream is read the same, however its bytes are cut", async (t) => {
  await fuzz(
    t,
    fc.property(bytes, cuts, (all, lengths) => assert.deepEqual(read(cut(all, lengths)), read([all]))),
  );
});

test("the library's parser and an independent one agree on types, data and retry", async (t) => {
  const property = fc.property(stream, (text) => {
    // The other parser holds a final CR back until it sees the next character; a comment settles it.
    const all = new TextEncoder().encode(`${text}\n:\n`);
    const expected: { type: string; data: string }[] = [];
    const retries: number[] = [];
    const other = createParser({
      onEvent: ({ event, data }) => expected.push({ type: event || "message", data }),
      onRetry: (milliseconds) => retries.push(milliseconds),
    });
    other.feed(new TextDecoder().decode(all));
    const reading = read([all]);
    const events = reading.events.map(({ type, data }) => ({ type, data }));
    assert.deepEqual(events, expected);
    assert.deepEqual(reading.retries, retries);
  });
  await fuzz(t, property);
});

test("the command prints no control characters of any event", async (t) => {
  const property = fc.property(bytes, cuts, (all, lengths) => {
    for (const { type, data, lastEventId } of read(cut(all, lengths)).events) {
      assert.ok(type !== "");
      assert.doesNotMatch(terminalText(data + lastEventId), /[^\t\P{Cc}]/u);
    }
  });
  await fuzz(t, property);
});

test("the client parses any address of a stream, and keeps every cursor on the way", async (t) => {
  const address = hostileText(
    ["/hub", "?", "&", "topic=", "lastEventID=", "last_event_id=", "match=", "authorization=", "#", "%", "%ff", "//"],
    4_096,
  );
  const cursor = hostileText(["#", "a", " ", "é", "\n", "%", "&"], 1_000).map((text) => text.toWellFormed());
  const property = fc.property(address, cursor, (text, id) => {
    if (!URL.canParse(text, "https://shop.example/page")) return;
    const parsed = attempt(() => parseAddress(text, "https://shop.example/page"));
    if (parsed === undefined) return;
    const at = parseAddress(textAtCursor(text, id, parsed.cursorName), "https://shop.example/page");
    assert.equal(at.cursor ?? "", id);
    const { url, headers } = requestFor(at, id, "https://shop.example");
    assert.ok(URL.canParse(url));
    isHeaderOf(id, headers["Last-Event-ID"] ?? "");
  });
  await fuzz(t, property);
});

/** Without its token and cursor an address can be an invalid URL. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
