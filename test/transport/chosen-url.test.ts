import assert from "node:assert/strict";
import { describe, test } from "node:test";
import express from "express";
import { configure } from "../../src/cli/hub-flags.js";
import { resolveOptions } from "../../src/express/configuration.js";
import { Hub } from "../../src/hub/index.js";
import { mercure } from "../../src/index.js";
import { OptionReader } from "../../src/shared/option-reader.js";
import { chosenUrl } from "../../src/transport/chosen-url.js";
import { MemoryTransport } from "../../src/transport/memory/memory.js";
import { temporaryFolder } from "../cli/fixture.js";

const secret = "0123456789abcdef0123456789abcdef";
const quiet = { warn() {}, error() {} };
const own = "redis://own.example:6379";
const general = "rediss://:word@general.example";

function choice(given: string | undefined, environment: NodeJS.ProcessEnv, isShared = false): string | undefined {
  return chosenUrl(given, environment, quiet, isShared);
}

// The first test of the file, because a process gives the hint once.
test("an application in one process ignores REDIS_URL, and one line of the process says so", () => {
  const lines: string[] = [];
  const logger = { ...quiet, warn: (line: string) => void lines.push(line) };
  assert.equal(resolveOptions({ secret, logger, transport: "memory" }, { REDIS_URL: general }).transport, "memory");
  assert.deepEqual(lines, []);
  for (let count = 0; count < 2; count++) {
    assert.equal(resolveOptions({ secret, logger }, { REDIS_URL: general }).transport, "memory");
  }
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /ignores REDIS_URL.*MERCURE_TRANSPORT_URL to redis .*memory to hide/);
});

describe("the URL of a transport", () => {
  test("comes from the option, then SSE_REDIS_URL, and with several processes from REDIS_URL", () => {
    const both = { SSE_REDIS_URL: own, REDIS_URL: general };
    assert.equal(choice("lmdb:./history", both), "lmdb:./history");
    assert.equal(choice("memory", both, true), "memory");
    assert.equal(choice(undefined, both), own);
    assert.equal(choice(undefined, { REDIS_URL: general }, true), general);
    assert.equal(choice(undefined, { REDIS_URL: general }), undefined);
    assert.equal(choice(undefined, { SSE_REDIS_URL: "", REDIS_URL: "" }, true), undefined);
  });

  test("is REDIS_URL for one process that asks for redis", () => {
    assert.equal(choice("redis", { REDIS_URL: general }), general);
    assert.equal(choice("valkey", { REDIS_URL: general, SSE_REDIS_URL: own }), own);
    assert.throws(() => choice("redis", {}), { code: "ERR_OPTION", message: /neither SSE_REDIS_URL nor REDIS_URL/ });
  });

  test("is not REDIS_URL of several processes if it names another kind of server", () => {
    assert.equal(choice(undefined, { REDIS_URL: "unix:///run/redis.sock" }, true), undefined);
  });

  test("must be one of Redis in SSE_REDIS_URL, and the message names the variable and no password", () => {
    for (const url of ["http://user:hunter2@host", "redis://user:hunter2@host:0", "redis://user:hunter2%@host"]) {
      assert.throws(
        () => choice(undefined, { SSE_REDIS_URL: url }),
        (error: Error & { code: string }) => {
          assert.equal(error.code, "ERR_OPTION");
          assert.match(error.message, /^The option SSE_REDIS_URL .*redis:\/\/localhost:6379/);
          assert.doesNotMatch(error.message, /hunter2/);
          return true;
        },
      );
    }
  });

  test("has no password in the message about an unknown scheme", () => {
    assert.throws(
      () => new Hub({ transport: "redsi://user:hunter2@host" }),
      (error: Error) => error.message.includes("redsi:") && !error.message.includes("hunter2"),
    );
  });

  test("is one function's choice for an application, for the command and for the class", () => {
    const environment = { SSE_REDIS_URL: own };
    assert.equal(resolveOptions({ secret }, environment).transport, own);
    assert.equal(configure(new OptionReader({ secret }, "--", environment)).transport, own);
    const workers = new OptionReader({ secret, workers: 2 }, "--", { REDIS_URL: general });
    assert.equal(configure(workers).transport, general);
    const before = process.env.SSE_REDIS_URL;
    process.env.SSE_REDIS_URL = "redis://host:0";
    try {
      assert.throws(() => new Hub({} as never), { code: "ERR_OPTION", message: /SSE_REDIS_URL/ });
    } finally {
      if (before === undefined) delete process.env.SSE_REDIS_URL;
      else process.env.SSE_REDIS_URL = before;
    }
  });

  test("is the other hub's matter when hubUrl names one", () => {
    const lines: string[] = [];
    const logger = { ...quiet, warn: (line: string) => void lines.push(line) };
    const hubUrl = "https://hub.example/.well-known/mercure";
    resolveOptions({ secret, hubUrl, logger }, { REDIS_URL: general, SSE_REDIS_URL: "http://no" });
    assert.deepEqual(lines, []);
  });
});

describe("a hub with the URL of a transport", () => {
  test("creates the transport, keeps its history through a restart, and closes it", async (t) => {
    const transport = `lmdb:${temporaryFolder(t)}/history`;
    const first = new Hub({ transport });
    await first.ready;
    const { id } = await first.publish({ topics: ["/chat"], data: "1", private: false });
    await first.publish({ topics: ["/chat"], data: "2", private: false });
    await first.close();
    const second = new Hub({ transport });
    await second.ready;
    const updates = second.updates("/chat", { lastEventId: id });
    const { value } = await updates[Symbol.asyncIterator]().next();
    assert.equal((value as { data: string }).data, "2");
    await second.close();
  });

  test("keeps as many updates of a topic as historyLengths says: in an application, for the command and in the class", async () => {
    const historyLengths = [{ match: "/log/:id", match_type: "urlpattern", length: 1 } as const];
    const environment = { MERCURE_HUB_HISTORY_LENGTHS: "urlpattern:/log/:id=1, /none=0" };
    const none = { match: "/none", match_type: "exact", length: 0 };
    assert.deepEqual(resolveOptions({ secret }, environment).hub.historyLengths, [...historyLengths, none]);
    const flags = { "history-length": ["urlpattern:/log/:id=1"] };
    assert.deepEqual(
      configure(new OptionReader({ secret, ...flags }, "--", {})).history.historyLengths,
      historyLengths,
    );
    const hub = new Hub({ transport: "memory", historyLengths });
    for (const data of ["1", "2"]) {
      for (const topic of ["/log/a", "/chat"]) await hub.publish({ topics: [topic], data, private: false });
    }
    const kept: string[] = [];
    for await (const { topics, data } of hub.updates(["/log/a", "/chat"], { lastEventId: "earliest" })) {
      kept.push(`${topics[0]} ${data}`);
      if (kept.length === 3) break;
    }
    assert.deepEqual(kept, ["/chat 1", "/log/a 2", "/chat 2"]);
    await hub.close();
  });

  test("rejects lengths of a history that are not valid, and names the flag or the variable", () => {
    const flags = { secret, "history-length": ["/chat"] };
    const message = /--history-length must be a list of .*\/chat=100/;
    assert.throws(() => configure(new OptionReader(flags, "--", {})), { code: "ERR_OPTION", message });
    const environment = { MERCURE_HUB_HISTORY_LENGTHS: "=5" };
    assert.throws(() => resolveOptions({ secret }, environment), { message: /MERCURE_HUB_HISTORY_LENGTHS must be/ });
    const hub = { historyLengths: [{ match: "/a", length: -1 }] };
    assert.throws(() => resolveOptions({ secret, hub }, {}), {
      message: /hub.historyLengths must have a length for "\/a"/,
    });
  });

  test("rejects options of the history beside a transport that has its own", () => {
    const refusal = { code: "ERR_OPTION", message: /historyLengths has no effect on a transport that is an object/ };
    const historyLengths = [{ match: "/a", length: 1 }];
    assert.throws(() => new Hub({ transport: new MemoryTransport(), historyLengths }), refusal);
    const options = {
      secret,
      components: [],
      templates: [],
      transport: new MemoryTransport(),
      hub: { historyLengths },
    };
    assert.throws(() => mercure(express(), options), refusal);
  });
});
