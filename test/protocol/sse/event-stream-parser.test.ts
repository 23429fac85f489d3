import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { EventStreamParser, type StreamEvent } from "../../../src/protocol/sse/event-stream-parser.js";

interface Reading {
  events: StreamEvent[];
  retries: number[];
  lastEventId: string;
}

function read(chunks: Iterable<Uint8Array>, lastEventId = ""): Reading {
  const reading: Reading = { events: [], retries: [], lastEventId };
  const parser = new EventStreamParser(
    {
      event: (event) => reading.events.push(event),
      lastEventId: (id) => {
        reading.lastEventId = id;
      },
      retry: (milliseconds) => reading.retries.push(milliseconds),
    },
    lastEventId,
  );
  for (const chunk of chunks) parser.push(chunk);
  return reading;
}

const encode = (text: string) => new TextEncoder().encode(text);
const readText = (text: string, lastEventId?: string) => read([encode(text)], lastEventId);
const dataOf = (text: string) => readText(text).events.map(({ data }) => data);

/** The bytes in pieces of the given lengths, cyclically. */
function* cut(bytes: Uint8Array, lengths: number[]): Generator<Uint8Array> {
  for (let start = 0, turn = 0; start < bytes.length; turn += 1) {
    const end = start + (lengths[turn % lengths.length] ?? 1);
    yield bytes.subarray(start, end);
    start = end;
  }
}

const lengths = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 });

describe("the event stream parser", () => {
  it("returns any data, type and id that a server encoded", () => {
    const line = fc.string({ unit: "grapheme" }).map((text) => text.replace(/[\r\n\0]/g, ""));
    const event = fc.record({ type: line, id: line, lines: fc.array(line, { minLength: 1, maxLength: 4 }) });
    fc.assert(
      fc.property(fc.array(event), lengths, fc.constantFrom("\n", "\r", "\r\n"), (sent, pieces, end) => {
        const blocks = sent.map(({ type, id, lines }) =>
          [`event: ${type}`, `id: ${id}`, ...lines.map((text) => `data: ${text}`), "", ""].join(end),
        );
        const received = read(cut(encode(blocks.join("")), pieces)).events;
        assert.deepEqual(
          received,
          sent.map(({ type, id, lines }) => ({ type: type || "message", data: lines.join("\n"), lastEventId: id })),
        );
      }),
    );
  });

  it("reads the examples of the standard", () => {
    assert.deepEqual(dataOf("data: YHOO\ndata: +2\ndata: 10\n\n"), ["YHOO\n+2\n10"]);
    assert.deepEqual(dataOf("data\n\ndata\ndata\n\ndata:"), ["", "\n"]);
    assert.deepEqual(dataOf("data:test\n\ndata: test\n\n"), ["test", "test"]);
    const { events } = readText(
      ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n",
    );
    assert.deepEqual(events, [
      { type: "message", data: "first event", lastEventId: "1" },
      { type: "message", data: "second event", lastEventId: "" },
    ]);
  });

  it("drops one byte order mark, and only at the start", () => {
    const mark = "\uFEFF";
    assert.deepEqual(dataOf(`${mark}data: a\n\n${mark}data: b\n\n`), ["a"]);
    assert.deepEqual(dataOf(`${mark}${mark}data: a\n\n`), []);
  });

  it("dispatches nothing for a block without data, and forgets its type", () => {
    assert.deepEqual(readText("event: a\n\ndata: x\n\n").events, [{ type: "message", data: "x", lastEventId: "" }]);
  });

  it("moves the position by a block without data", () => {
    const { events, lastEventId } = readText("id: 7\n\n");
    assert.deepEqual({ events, lastEventId }, { events: [], lastEventId: "7" });
  });

  it("keeps the id for events without one, across a reconnection too", () => {
    const { events } = readText("data: a\n\nid: 2\ndata: b\n\ndata: c\n\n", "1");
    assert.deepEqual(
      events.map(({ lastEventId }) => lastEventId),
      ["1", "2", "2"],
    );
  });

  it("ignores an id with NUL", () => {
    assert.equal(readText("id: 1\nid: 2\0\ndata: a\n\n").lastEventId, "1");
  });

  it("takes only ASCII digits for retry", () => {
    assert.deepEqual(
      readText("retry: 10\nretry:20\nretry: 1.5\nretry: -1\nretry: ٣\nretry:\nretry:  3\n").retries,
      [10, 20],
    );
  });

  it("drops an event that the end of the stream cuts off", () => {
    const { events, lastEventId } = readText("id: 1\ndata: a\n\nid: 2\ndata: b\n");
    assert.deepEqual([events.length, lastEventId], [1, "1"]);
  });

  it("replaces bytes that are invalid UTF-8", () => {
    const bytes = [...encode("data: "), 0xff, ...encode("\n\n")];
    assert.deepEqual(
      read([Uint8Array.from(bytes)]).events.map(({ data }) => data),
      ["\uFFFD"],
    );
  });
});
