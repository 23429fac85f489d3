import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FrameReader } from "../../../src/client/core/frame-reader.js";

function readAll(pieces: readonly Uint8Array[]): string[] {
  const seen: string[] = [];
  const texts = new Map<number, string>();
  const reader = new FrameReader({
    head: (number, { status }) => seen.push(`${number} head ${status}`),
    bytes: (number, bytes) => texts.set(number, (texts.get(number) ?? "") + Buffer.from(bytes).toString("latin1")),
    end: (number) => seen.push(`${number} end`),
  });
  for (const piece of pieces) reader.push(piece);
  return [...seen, ...[...texts].map(([number, text]) => `${number} ${text}`)];
}

describe("the frames of a shared connection", () => {
  const events = 'data: a\n:1 0\n:1 {"status":401}\n\n';
  const text =
    ':\n:0 {"status":200,"headers":{"X":"ü"}}\n:1 {"status":200}\n:a proxy\n:7 keeps alive\n' +
    `:0 ${events.length}\n${events}:1 2\n\n\n:1 0\n:0 2\nx\n`;
  const expected = ["0 head 200", "1 head 200", "1 end", `0 ${events}x\n`, "1 \n\n"];
  const bytes = Buffer.from(text);

  test("are the same wherever the network cuts them", () => {
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      assert.deepEqual(readAll([bytes.subarray(0, cut), bytes.subarray(cut)]), expected);
    }
    assert.deepEqual(readAll([...bytes].map((byte) => Uint8Array.of(byte))), expected);
  });

  test("pass on the bytes of a long event as they come", () => {
    let length = 0;
    const reader = new FrameReader({
      head() {},
      bytes: (_number, more) => {
        length += more.length;
      },
      end() {},
    });
    reader.push(Buffer.from(":0 100000000\nabc"));
    assert.equal(length, 3);
    reader.push(Buffer.from("de"));
    assert.equal(length, 5);
  });
});
