import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EncodedEvents } from "../../../src/hub/fan-out/encoded-events.js";

const mebibyte = 1024 * 1024;

function stored(position: number, data = "") {
  return { position, update: { topics: ["a"], data, private: false, id: `urn:${position}` } };
}

describe("encoded events", () => {
  test("encode each update once", () => {
    const events = new EncodedEvents();
    const bytes = events.of(stored(1, "é"));
    assert.equal(bytes.toString(), "id: urn:1\ndata: é\n\n");
    events.of(stored(2));
    assert.equal(events.of(stored(1, "é")), bytes);
  });

  test("keep the latest, and evict the oldest first", () => {
    const events = new EncodedEvents();
    const data = "x".repeat(mebibyte);
    const kept = Array.from({ length: 10 }, (_, i) => events.of(stored(i + 1, data)));
    assert.equal(events.of(stored(10, data)), kept[9]);
    assert.equal(events.of(stored(8, data)), kept[7]);
    assert.notEqual(events.of(stored(1, data)), kept[0]);
  });

  test("encode an update above the cache's size once for all current recipients", () => {
    const events = new EncodedEvents();
    const large = stored(1, "x".repeat(10 * mebibyte));
    assert.equal(events.of(large), events.of(large));
  });
});
