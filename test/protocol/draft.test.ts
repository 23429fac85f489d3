import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { validateDraft } from "../../src/protocol/draft.js";
import type { Draft } from "../../src/protocol/update.js";
import { MercureError } from "../../src/shared/errors.js";
import { cases } from "../support/cases.js";

function draft(fields: Partial<Record<keyof Draft, unknown>>): Draft {
  return { topics: ["messages"], data: "", private: false, ...fields } as Draft;
}

function refuses(fields: Partial<Record<keyof Draft, unknown>>, code: string, message: RegExp): void {
  assert.throws(() => validateDraft(draft(fields)), { code, message });
}

describe("validateDraft", () => {
  test("accepts every draft that both versions of Mercure accept", () => {
    const topics = ["messages", "TodoList/1", "https://example.com/books/1", "é", "a b", "urn:x:1", "http://[", "%ff"];
    validateDraft(draft({ topics, data: "a\r\nb\0", id: "urn:uuid:1", type: "note added", retry: 0, private: true }));
  });

  test("rejects a draft without a topic", () => {
    for (const topics of [[], undefined, "messages", [""], ["a", 1]]) refuses({ topics }, "ERR_TOPIC", /topic/);
  });

  test("rejects the wildcard as a topic", () => {
    refuses({ topics: ["a", "*"] }, "ERR_UPDATE", /subscribing to all topics/);
  });

  // A publisher forges the hub's own subscription events, in a spelling that a comparison of prefixes misses.
  test("rejects topics of the hub's own namespace in any spelling", () => {
    for (const topic of [
      "/.well-known/mercure",
      "/.well-known/mercure/subscriptions/a/b",
      "https://elsewhere.example/.well-known/mercure/subscriptions/a/b",
      "//host/.well-known/mercure",
      "/.well-known/%6Dercure/x",
      "/.well-known/x/../mercure/x",
      "/.well-known/x/%2e%2e/mercure/x",
      "\\.well-known\\mercure\\x",
      "/.well-known/mercure?x",
      "mercure/subscriptions",
      "http:mercure/subscriptions",
      "https:mercure/subscriptions",
      "urn:/.well-known/x/.%2E/%6d%65rcure",
      " /.well-known/mercure",
      "#fragment",
    ]) {
      refuses({ topics: [topic] }, "ERR_UPDATE", /reserved/);
    }
    validateDraft(draft({ topics: ["/.well-known/mercurex", "/.well-known", "/a/.well-known/mercure", "/mercure"] }));
    assert.throws(() => validateDraft(draft({ topics: ["/hub/x"] }), "/hub"), { code: "ERR_UPDATE" });
  });

  test("rejects exactly the topics that resolve to the hub's URL or below it", () => {
    const part = fc.constantFrom(
      "a",
      "hub",
      "x",
      ".",
      "..",
      "/",
      "//",
      "%2e",
      "%68ub",
      "?",
      "#",
      ":",
      "http:",
      " ",
      "\\",
      "é",
    );
    const path = fc.constantFrom("/hub", "/a/hub", "/hub/hub", "/a/x", "/");
    fc.assert(
      fc.property(fc.array(part, { minLength: 1 }), path, (parts, hubPath) => {
        const topic = parts.join("");
        const paths = ["http", "https"].flatMap((scheme) => {
          const base = `${scheme}://hub.invalid${hubPath}`;
          return URL.canParse(topic, base) ? [new URL(topic, base).pathname.replaceAll("%68", "h")] : [];
        });
        const isReserved = paths.some((each) => each === hubPath || each.startsWith(`${hubPath}/`));
        if (isReserved) assert.throws(() => validateDraft(draft({ topics: [topic] }), hubPath), { code: "ERR_UPDATE" });
        else validateDraft(draft({ topics: [topic] }), hubPath);
      }),
      { numRuns: cases(5000) },
    );
  });

  test("sees a reserved topic at the beginning of a long path, in any encoding", () => {
    const encoded = "/%68%75%62";
    for (const topic of [
      `${encoded}/${"x".repeat(4000)}`,
      `/a/../hub/${"}".repeat(4000)}`,
      encoded,
      `${encoded}/%61`,
    ]) {
      assert.throws(() => validateDraft(draft({ topics: [topic] }), "/hub"), { code: "ERR_UPDATE" });
    }
    for (const topic of [`${encoded}%61`, `${encoded}}${"}".repeat(4000)}`, `/h%75${"}".repeat(4000)}/hub`]) {
      validateDraft(draft({ topics: [topic] }), "/hub");
    }
  });

  // A publisher sends a hundred topics of 4,000 braces each, and decoding their escapes blocks the event loop for 55 ms.
  test("decodes only the beginning of a long topic", (t) => {
    const decoded = t.mock.method(String, "fromCharCode");
    validateDraft(draft({ topics: ["}".repeat(4000)] }), "/.well-known/mercure");
    assert.ok(decoded.mock.callCount() <= "/.well-known/mercure/".length, `${decoded.mock.callCount()} characters`);
  });

  // Invisible characters make a topic look like another, and line breaks end fields of the event stream.
  test("rejects control and format characters and lone surrogates, and names them", () => {
    for (const [character, name] of [
      ["\n", "U+000A"],
      ["\0", "U+0000"],
      ["\u007f", "U+007F"],
      ["\u0085", "U+0085"],
      ["\u200d", "U+200D"],
      ["\ufeff", "U+FEFF"],
      ["\ud800", "U+D800"],
      ["\u{e0041}", "U+E0041"],
    ] as const) {
      const message = new RegExp(name.replace("+", "\\+"));
      refuses({ topics: [`a${character}b`] }, "ERR_UPDATE", message);
      refuses({ id: `a${character}b` }, "ERR_UPDATE", message);
      refuses({ type: `a${character}b` }, "ERR_UPDATE", message);
    }
  });

  // Ids of hubs begin with "#": a publisher that can choose one shadows another update's cursor.
  test("rejects ids of the hub's form", () => {
    refuses({ id: "#1" }, "ERR_UPDATE", /must not start with "#"/);
    refuses({ id: "earliest" }, "ERR_UPDATE", /reserved/);
    refuses({ id: "" }, "ERR_UPDATE", /Leave it out/);
  });

  // A page that listens for "mercure" takes a publisher's events of that type for the hub's.
  test("rejects the type of the hub's own updates", () => {
    refuses({ type: "mercure" }, "ERR_UPDATE", /reserved/);
    refuses({ type: "" }, "ERR_UPDATE", /Leave it out/);
  });

  test("rejects fields of the wrong kind", () => {
    for (const retry of [-1, 0.5, "1000", Number.NaN]) refuses({ retry }, "ERR_UPDATE", /milliseconds/);
    refuses({ data: { a: 1 } }, "ERR_DATA", /string/);
  });

  // A guess for `private: "on"` or a forgotten `private` from JavaScript can publish a secret.
  test("rejects a private that is not a boolean", () => {
    for (const value of [undefined, "on", 1, null]) refuses({ private: value }, "ERR_UPDATE", /private/);
  });

  test("returns or throws an error of the library for any input", () => {
    fc.assert(
      fc.property(fc.array(fc.anything()), fc.anything(), fc.anything(), (topics, id, type) => {
        try {
          validateDraft(draft({ topics, id, type }));
        } catch (error) {
          assert.ok(error instanceof MercureError);
        }
      }),
    );
  });
});
