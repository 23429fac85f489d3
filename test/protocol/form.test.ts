import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { maxFields, parseForm } from "../../src/protocol/form.js";

describe("parseForm", () => {
  test("reads what URLSearchParams writes", () => {
    const text = fc.string({ unit: "binary" });
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text)), (pairs) => {
        assert.deepEqual([...parseForm(new URLSearchParams(pairs).toString())!], pairs);
      }),
    );
  });

  test("names without values, empty pairs and stray percent signs", () => {
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

  // Two topics that differ only in invalid bytes would become the same one, and a token for one would open the other.
  test("refuses bytes that are no UTF-8", () => {
    for (const text of ["topic=%ff", "%c3=a", "topic=%ed%a0%80", "topic=%c0%80"]) {
      assert.equal(parseForm(text), undefined);
    }
  });

  // A body of a megabyte has half a million fields, and reading them holds the event loop for a tenth of a second.
  test("refuses more fields than a bound, before it reads any", () => {
    assert.equal([...parseForm("a&".repeat(maxFields - 1))!].length, maxFields - 1);
    assert.throws(() => parseForm("%ff&".repeat(maxFields)), { status: 413 });
  });
});
