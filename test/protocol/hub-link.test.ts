import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { hubLink } from "../../src/protocol/hub-link.js";

describe("the link to the hub", () => {
  test("carries the cursor, with quotation marks escaped", () => {
    assert.equal(hubLink("/hub"), '</hub>; rel="mercure"');
    assert.equal(hubLink("/hub", 'urn:"a\\'), '</hub>; rel="mercure"; last-event-id="urn:\\"a\\\\"');
  });

  // An id of another hub's publisher would make Node throw, and the page fail.
  test("leaves out a cursor that a header cannot hold", () => {
    for (const id of ["é", "雪", "a\r\nb", ""]) assert.equal(hubLink("/hub", id), '</hub>; rel="mercure"');
  });

  // An application's mount path can come from the request's own path.
  test("escapes the brackets of the URL", () => {
    assert.equal(hubLink('/a>;rel="x"<b'), '</a%3E;rel="x"%3Cb>; rel="mercure"');
  });
});
