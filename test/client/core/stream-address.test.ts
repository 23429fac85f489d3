import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  isHeaderOf,
  parseAddress,
  requestFor,
  textAtCursor,
  withToken,
} from "../../../src/client/core/stream-address.js";

const base = "https://example.com/room/1";
const origin = "https://example.com";

describe("a stream's address", () => {
  it("is parsed, and the rest of the query stays byte for byte", () => {
    const text = "/hub?topic=%7Eb%20c+d&authorization=a.b.c&sig=%2f&lastEventID=%23abc&empty#fragment";
    assert.deepEqual(parseAddress(text, base), {
      url: "https://example.com/hub?topic=%7Eb%20c+d&sig=%2f&empty",
      token: "a.b.c",
      cursor: "#abc",
      cursorName: "lastEventID",
      isPrivate: true,
    });
  });

  it("can carry its token in the fragment, which browsers leave out of requests", () => {
    const { url, token } = parseAddress("/hub?match=a&last_event_id=1#authorization=a.b.c", base);
    assert.deepEqual([url, token], ["https://example.com/hub?match=a", "a.b.c"]);
    assert.equal(
      textAtCursor("/hub?match=a&last_event_id=1#authorization=a.b.c", "2", "last_event_id"),
      "/hub?match=a&last_event_id=2#authorization=",
    );
  });

  it("is relative to the page like any URL", () => {
    assert.equal(parseAddress("?topic=a", base).url, "https://example.com/room/1?topic=a");
    assert.equal(parseAddress("https://hub.example/?topic=a", base).url, "https://hub.example/?topic=a");
  });

  it("keeps the cursor's name, and knows the name of each version of the protocol", () => {
    const nameIn = (text: string) => parseAddress(text, base).cursorName;
    assert.equal(nameIn("/hub?match=a&last_event_id=1"), "last_event_id");
    assert.equal(nameIn("/hub?topic=a&Last-Event-ID=1"), "Last-Event-ID");
    assert.equal(nameIn("/hub?match_urlpattern=a"), "last_event_id");
    assert.equal(nameIn("/hub?topic=a"), "lastEventID");
  });

  it("is private with a token, or with the name of a cookie's grant", () => {
    const isPrivate = (text: string) => parseAddress(text, base).isPrivate;
    for (const text of ["/hub?authorization=", "/hub?topic=a&grant=x", "/hub#authorization=t", "/hub?a#grant=x"]) {
      assert.ok(isPrivate(text), text);
    }
    assert.ok(!isPrivate("/hub?topic=grant"));
  });

  it("replaces the old token by another in its place", () => {
    assert.equal(withToken("/hub?authorization=a&topic=b", "c.d"), "/hub?topic=b&authorization=c.d");
    assert.equal(withToken("/hub?match=b#authorization=a", "c.d"), "/hub?match=b#authorization=c.d");
  });

  it("is written with another cursor and without its token", () => {
    assert.equal(
      textAtCursor("/hub?topic=a&lastEventID=1&authorization=t", "urn:é&2", "lastEventID"),
      "/hub?topic=a&authorization=&lastEventID=urn%3A%C3%A9%262",
    );
    assert.equal(textAtCursor("/hub", "1", "lastEventID"), "/hub?lastEventID=1");
    assert.equal(textAtCursor("/&authorization=", "#", "lastEventID"), "/&authorization=?lastEventID=%23");
    assert.equal(textAtCursor("/hub?lastEventID=1", "", "lastEventID"), "/hub");
  });

  it("returns any cursor that was written into it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (cursor) => {
        const text = textAtCursor("/hub?topic=a&lastEventID=old", cursor, "lastEventID");
        assert.equal(parseAddress(text, base).cursor, cursor);
      }),
    );
  });

  it("keeps every cursor on the way to the server, by header or by query", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (cursor) => {
        const { url, headers } = requestFor(parseAddress("/hub?topic=a", base), cursor, origin);
        // Headers normalizes a value as the server receives it.
        const sent = new Headers(headers).get("Last-Event-ID") ?? new URL(url).searchParams.get("lastEventID");
        assert.equal(sent, cursor);
      }),
    );
  });

  it("requests the live stream only without a cursor", () => {
    const address = parseAddress("/hub?topic=a", base);
    assert.deepEqual(requestFor(address, "", origin), { url: address.url, headers: { Accept: "text/event-stream" } });
  });
});

describe("an id in a response header", () => {
  it("is recognised raw, as UTF-8 bytes and percent-encoded", () => {
    assert.ok(isHeaderOf("urn:1", "urn:1"));
    assert.ok(isHeaderOf("urn:é", "urn:Ã©"));
    assert.ok(isHeaderOf("urn:é", "urn%3A%C3%A9"));
    assert.ok(isHeaderOf("urn:é", "urn:%C3%A9"));
    assert.ok(!isHeaderOf("urn:1", "urn:2"));
    assert.ok(!isHeaderOf("urn:1", "earliest"));
  });
});
