import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { accepted } from "../../src/express/assets.js";

describe("the encoding of a script", () => {
  test("is the best that a client takes", () => {
    assert.equal(accepted("gzip, deflate, br"), "br");
    assert.equal(accepted("GZIP ; q=0.5"), "gzip");
    assert.equal(accepted("br;q=0, gzip;q=1"), "gzip");
    assert.equal(accepted("br ;q=0.000, identity"), undefined);
    assert.equal(accepted(undefined), undefined);
  });

  // With a regular expression for what stands between its parts, this header takes minutes.
  test("is found in time linear in the header's length", () => {
    assert.equal(accepted(`gzip${" ".repeat(1_000_000)}x, ${"\t".repeat(1_000_000)}y`), undefined);
  });
});
