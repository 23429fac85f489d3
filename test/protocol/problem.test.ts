import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HttpProblem, problemOf, tokenMissing, tokenRefused } from "../../src/protocol/problem.js";
import { MercureError } from "../../src/shared/errors.js";

describe("problemOf", () => {
  test("turns a refusal into a problem document", () => {
    const { status, headers, body } = problemOf(new HttpProblem(405, "Use GET.", { Allow: "GET" }));
    assert.equal(status, 405);
    assert.equal(headers["Content-Type"], "application/problem+json");
    assert.equal(headers.Allow, "GET");
    assert.deepEqual(JSON.parse(body), {
      type: "about:blank",
      title: "Method Not Allowed",
      status: 405,
      detail: "Use GET.",
    });
  });

  test("writes challenges of RFC 6750", () => {
    assert.equal(problemOf(tokenMissing()).headers["WWW-Authenticate"], 'Bearer realm="mercure"');
    const invalid = problemOf(tokenRefused("invalid_token", "Bad."));
    assert.equal(invalid.status, 401);
    assert.equal(invalid.headers["WWW-Authenticate"], 'Bearer realm="mercure", error="invalid_token"');
    const insufficient = problemOf(tokenRefused("insufficient_scope", "Too little."));
    assert.equal(insufficient.status, 403);
    assert.equal(insufficient.headers["WWW-Authenticate"], 'Bearer realm="mercure", error="insufficient_scope"');
  });

  test("links the resource's metadata in every challenge, where they exist", () => {
    const url = "https://hub.example/.well-known/oauth-protected-resource/.well-known/mercure";
    for (const refusal of [tokenMissing(), tokenRefused("invalid_token", "x"), tokenRefused("invalid_request", "x")]) {
      assert.ok(problemOf(refusal, url).headers["WWW-Authenticate"]?.endsWith(`, resource_metadata="${url}"`));
    }
    assert.equal(problemOf(tokenRefused("invalid_request", "x")).status, 400);
    assert.equal(problemOf(new HttpProblem(400, "x"), url).headers["WWW-Authenticate"], undefined);
  });

  test("tells a publisher which rule a draft breaks", () => {
    const { status, body } = problemOf(new MercureError("ERR_UPDATE", "The id must not …"));
    assert.equal(status, 400);
    assert.match(body, /The id must not …/);
  });

  // Messages of internal errors name files, hosts and secrets.
  test("hides internal messages from clients", () => {
    for (const error of [new Error("secret"), new MercureError("ERR_OPTION", "secret"), "secret", undefined]) {
      const { status, body } = problemOf(error);
      assert.equal(status, 500);
      assert.doesNotMatch(body, /secret/);
    }
    const { status, headers, body } = problemOf(new MercureError("ERR_CLOSED", "secret"));
    assert.equal(status, 503);
    assert.equal(headers["Retry-After"], "1");
    assert.doesNotMatch(body, /secret/);
  });
});
