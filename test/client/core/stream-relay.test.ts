import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ConnectionReceiver } from "../../../src/client/core/connection.js";
import { StreamRelay } from "../../../src/client/core/stream-relay.js";
import { EventStreamParser } from "../../../src/protocol/sse/event-stream-parser.js";

/** A stream at position `a`, and what its page gets. */
function stream(cursor = "a") {
  const got: string[] = [];
  const relay = new StreamRelay(
    {
      opened: (headers) => got.push(`opened ${headers.get("Last-Event-ID") ?? "-"}`),
      heard: () => {},
      event: ({ data }) => got.push(data),
      lastEventId: () => {},
      retry: () => {},
    },
    cursor,
  );
  return {
    relay,
    got,
    /** Begins a connection. */
    connect(opened?: () => void) {
      const { cursor: requested } = relay;
      let isOver = false;
      const receiver: ConnectionReceiver = relay.next(() => !isOver, opened);
      const parser = new EventStreamParser(receiver, requested);
      return {
        open: (told = requested) => receiver.opened(new Headers({ "Last-Event-ID": told }), "http://x"),
        send: (...ids: string[]) => {
          for (const id of ids) parser.push(Buffer.from(`id: ${id}\ndata: ${id}\n\n`));
        },
        push: (text: string) => parser.push(Buffer.from(text)),
        end: () => {
          isOver = true;
        },
      };
    },
  };
}

describe("a stream whose connection is replaced", () => {
  test("gets events by the last connection until the next one has opened, and each event once", () => {
    const { relay, got, connect } = stream();
    const first = connect();
    first.open();
    first.send("b");
    const second = connect(() => first.end());
    first.send("c", "d");
    second.open();
    first.send("e");
    second.send("c", "d", "e");
    assert.deepEqual(got, ["opened a", "b", "c", "d", "opened -", "e"]);
    assert.equal(relay.cursor, "e");
  });

  test("reports no gap for an answer at the position of its request when it has moved on", () => {
    const { got, connect } = stream();
    const first = connect();
    first.open();
    const second = connect();
    first.send("b");
    second.open("a");
    assert.deepEqual(got, ["opened a", "b", "opened -"]);
  });

  test("reports no gap for an answer at the position that a connection has reached when it opens again", () => {
    const { got, connect } = stream();
    const first = connect();
    first.open();
    const second = connect();
    first.send("b", "c");
    second.open("a");
    second.send("b");
    second.open("b");
    second.send("c", "d");
    assert.deepEqual(got, ["opened a", "b", "c", "opened -", "opened -", "d"]);
  });

  test("reports a gap that the next connection announces, and continues after it", () => {
    const { relay, got, connect } = stream();
    connect().open();
    const second = connect();
    second.open("#7");
    assert.equal(relay.cursor, "#7");
    second.send("x");
    assert.deepEqual(got, ["opened a", "opened #7", "x"]);
  });

  test("stays at its position when a comment or an event without an id follows a repeated event", () => {
    const { relay, got, connect } = stream();
    const first = connect();
    first.open();
    const second = connect();
    first.send("b", "c");
    second.open();
    second.send("b");
    second.push(":\n\n");
    assert.equal(relay.cursor, "c");
    second.push("event: mercure.close\ndata: expired\n\n");
    second.send("c", "d");
    assert.deepEqual(got, ["opened a", "b", "c", "opened -", "expired", "d"]);
  });

  test("continues by the newest connection that has opened, even when an older one opens later", () => {
    const { got, connect } = stream();
    const first = connect();
    const second = connect();
    second.open();
    first.open();
    first.send("b");
    second.send("b");
    assert.deepEqual(got, ["opened a", "b"]);
  });
});
