import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { maxFields, parseForm } from "../../src/protocol/form.js";
import { anyCharacter } from "../support/any-character.js";

describe("parseForm", () => {
  test("reads the output of URLSearchParams", () => {
    const text = fc.string({ unit: anyCharacter });
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text)), (pairs) => {
        assert.deepEqual([...parseForm(new URLSearchParams(pairs).toString())!], pairs);
      }),
    );
  });

  test("reads names without values, empty pairs and stray percent signs", () => {
    assert.deepEqual(
      [...parseForm("a&&b=&=c&d=1=2&e=100%&f=%zz")!],
      [
        ["a", ""],
        ["b", ""],
        ["", "c"],
        ["d", "1=2"],
        ["e", "100%"],
        ["f", "%zz"],
      ],
    );
  });

  // Two topics that differ only in invalid bytes would become equal, and a token for one would open the other.
  test("rejects bytes that are invalid UTF-8", () => {
    for (const text of ["topic=%ff", "%c3=a", "topic=%ed%a0%80", "topic=%c0%80"]) {
      assert.equal(parseForm(text), undefined);
    }
  });

  // A body of a megabyte holds half a million fields, which block the event loop for a tenth of a second.
  test("rejects more fields than the max, before it reads any", () => {
    assert.equal([...parseForm("a&".repeat(maxFields - 1))!].length, maxFields - 1);
    assert.throws(() => parseForm("%ff&".repeat(maxFields)), { status: 413 });
  });
});
