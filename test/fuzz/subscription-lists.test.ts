import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { subscriptionsCommand } from "../../src/cli/subscriptions-command.js";
import { MercureError } from "../../src/shared/errors.js";
import { OptionReader } from "../../src/shared/option-reader.js";
import { fuzz, hostileText } from "../support/fuzz.js";

const anything = fc.jsonValue({ maxDepth: 2 });
const text = hostileText(["a", "\t", "\n", "\u001b[2J", "\u202e", "urn:uuid:"], 10_000);
const entry = fc.record({ topic: text, match: text, subscriber: text, payload: anything }, { requiredKeys: [] });
const answer = fc.oneof(
  fc.record({ subscriptions: fc.oneof(fc.array(fc.oneof(entry, anything), { maxLength: 3 }), anything) }),
  anything,
);
const body = fc.oneof({ weight: 4, arbitrary: answer.map((value) => JSON.stringify(value)) }, text);

test("the command subscriptions prints a line for each entry of any list, or reports the mistake", async (t) => {
  let response = new Response();
  const lines: string[] = [];
  t.mock.method(globalThis, "fetch", async () => response);
  t.mock.method(console, "log", (line: string) => void lines.push(line));
  const flags = { "hub-url": "http://hub.example/.well-known/mercure", secret: "0123456789abcdef0123456789abcdef" };
  const property = fc.asyncProperty(body, fc.constantFrom(200, 200, 200, 401, 500), async (sent, status) => {
    response = new Response(sent, { status });
    lines.length = 0;
    try {
      await subscriptionsCommand.run({ read: new OptionReader(flags, "--", {}), positionals: [] });
      assert.ok(lines.every((line) => /^[^\n]*\t[^\n]*\t[^\n]*$/.test(line)));
    } catch (error) {
      assert.ok(error instanceof MercureError && error.code === "ERR_SUBSCRIPTIONS", String(error));
    }
  });
  await fuzz(t, property);
});
