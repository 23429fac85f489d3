import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { accepted } from "../../src/express/assets.js";

describe("the encoding of a script", () => {
  test("is the best that a client accepts", () => {
    assert.equal(accepted("gzip, deflate, br"), "br");
    assert.equal(accepted("GZIP ; q=0.5"), "gzip");
    assert.equal(accepted("br;q=0, gzip;q=1"), "gzip");
    assert.equal(accepted("br ;q=0.000, identity"), undefined);
    assert.equal(accepted(undefined), undefined);
  });

  // A regular expression for the text between its parts takes minutes on this header.
  test("is chosen in time linear in the header's length", () => {
    assert.equal(accepted(`gzip${" ".repeat(1_000_000)}x, ${"\t".repeat(1_000_000)}y`), undefined);
  });
});
