import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { hubLink } from "../../src/protocol/hub-link.js";

describe("the link to the hub", () => {
  test("has the cursor, with quotation marks escaped", () => {
    assert.equal(hubLink("/hub"), '</hub>; rel="mercure"');
    assert.equal(hubLink("/hub", 'urn:"a\\'), '</hub>; rel="mercure"; last-event-id="urn:\\"a\\\\"');
  });

  // Ids of publishers elsewhere would make Node throw, and the page fail.
  test("leaves out a cursor that no header can hold", () => {
    for (const id of ["é", "雪", "a\r\nb", ""]) assert.equal(hubLink("/hub", id), '</hub>; rel="mercure"');
  });

  // Where an application is mounted may come from the request's own path.
  test("ends at no bracket of the URL", () => {
    assert.equal(hubLink('/a>;rel="x"<b'), '</a%3E;rel="x"%3Cb>; rel="mercure"');
  });
});
