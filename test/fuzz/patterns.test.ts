import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { URLPattern } from "urlpattern-polyfill/urlpattern";
import { maxExpressionSize } from "../../src/protocol/matching/re2-expression.js";
import { compileUriTemplate } from "../../src/protocol/matching/uri-template.js";
import { SafeUrlPattern } from "../../src/protocol/matching/url-pattern.js";
import { fuzz, hostileText } from "../support/fuzz.js";

const hubUrl = "https://hub.example/.well-known/mercure";

/** The hub accepts this as a matcher. */
const longestPattern = 2_048;

test("any text is a URI template within the bounds, or is rejected", async (t) => {
  const template = hostileText([..."{}+#./;?&,:*x19%éa ", "{x}", "{?x*}", "{+x:9}", "%C3"], longestPattern);
  const topic = hostileText([..."ax1/?&=;.,%é#", "x=", "%C3%A9"], 4_096);
  const property = fc.property(template, topic, (text, name) => {
    const compiled = attempt(() => compileUriTemplate(text));
    if (compiled === undefined) return;
    assert.ok(compiled.size <= maxExpressionSize);
    compiled.matches(name);
  });
  await fuzz(t, property);
});

test("any text is a URL pattern within the bounds, or is rejected", async (t) => {
  const pattern = hostileText(
    [
      "https://",
      "*.",
      ":x",
      "(a+)+",
      "(?:",
      "(.*)",
      "{",
      "}?",
      "+",
      "*",
      "/",
      "\\",
      "[",
      "^",
      "|",
      "é",
      "(?=",
      "?",
      "#",
    ],
    longestPattern,
  );
  const topic = hostileText(["https://", "hub.example", "a", "/", "?", "#", "@", ":", "é", "%", "..", "["], 4_096);
  const property = fc.property(pattern, topic, (text, name) => {
    const compiled = attempt(() => new SafeUrlPattern(text, hubUrl));
    compiled?.matches(name);
  });
  await fuzz(t, property);
});

// Patterns and topics of few characters match often. The polyfill is the oracle, except that it reads two question
// marks as one, and a path of `//b` as a host.
test("a URL pattern evaluates as in the polyfill, or is rejected", async (t) => {
  const text = fc.string({ unit: fc.constantFrom(..."/ab:.*?+{}()\\|"), maxLength: 12 });
  const topic = fc
    .string({ unit: fc.constantFrom(..."/ab.?"), maxLength: 8 })
    .filter((each) => !each.includes("??") && !hasEmptySegmentFirst(each));
  const property = fc.property(text, fc.array(topic, { maxLength: 3 }), (pattern, topics) => {
    const ours = attempt(() => new SafeUrlPattern(pattern, hubUrl));
    if (ours === undefined) return;
    const theirs = attempt(() => new URLPattern(pattern)) ?? new URLPattern(pattern, hubUrl);
    for (const each of topics) assert.equal(ours.matches(each), theirs.test(each, hubUrl), `${pattern} on ${each}`);
  });
  await fuzz(t, property);
});

function hasEmptySegmentFirst(topic: string): boolean {
  return URL.canParse(topic, hubUrl) && new URL(topic, hubUrl).pathname.startsWith("//");
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
