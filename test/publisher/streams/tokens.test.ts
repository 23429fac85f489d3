import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeJwt } from "jose";
import { Tokens } from "../../../src/publisher/streams/tokens.js";
import { ManualClock } from "../../support/manual-clock.js";

const secret = "0123456789abcdef0123456789abcdef";

function start(publisherJwt?: string) {
  const clock = new ManualClock();
  const keys = { publisherSecretKey: secret, subscriberSecretKey: secret };
  const tokens = new Tokens(
    { ...keys, protocol: 0, issuer: "/", resource: "/hub", publisherJwt, tokenLifetime: 3600 },
    clock,
  );
  return { clock, tokens };
}

describe("tokens for publishing", () => {
  test("are signed again after half of their lifetime", () => {
    const { clock, tokens } = start();
    const first = tokens.forPublisher(["a"]);
    clock.advance(59.999);
    assert.equal(tokens.forPublisher(["a"]), first);
    clock.advance(0.001);
    const second = tokens.forPublisher(["a"]);
    assert.notEqual(second, first);
    assert.equal(tokens.forPublisher(["a"]), second);
    assert.ok(decodeJwt(first).exp! * 1000 > clock.now(), "a request with the first token may still be under way");
  });

  test("grant the topics of their update and no others", () => {
    const { tokens } = start();
    for (const topics of [["a"], ["a", "b"], ["b", "a"], ["a,b"], ['a","b']]) {
      assert.deepEqual(decodeJwt(tokens.forPublisher(topics)).mercure, { publish: topics });
    }
  });

  // A client that invents topics would fill the memory of the process that publishes to them.
  test("are cached for a bounded number of lists of topics", () => {
    const { tokens } = start();
    const first = tokens.forPublisher(["0"]);
    for (let i = 1; i < 1000; i++) tokens.forPublisher([`${i}`]);
    assert.equal(tokens.forPublisher(["0"]), first);
    tokens.forPublisher(["1000"]);
    assert.notEqual(tokens.forPublisher(["0"]), first);
  });

  test("are replaced by a given token", () => {
    assert.equal(start("given").tokens.forPublisher(["a"]), "given");
  });
});
