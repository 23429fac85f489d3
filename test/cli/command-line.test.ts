import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { type Flags, readCommandLine } from "../../src/cli/command-line.js";
import { UsageError } from "../../src/cli/errors.js";
import { run } from "./fixture.js";

const flags: Flags = {
  port: { value: "number", numeric: true, help: "" },
  topic: { value: "topic", multiple: true, help: "" },
  "allow-publish": { negatable: true, help: "" },
  jwt: { value: "jwt", help: "" },
  help: { help: "" },
};

describe("flags", () => {
  const read = (...args: string[]) => readCommandLine(args, flags, 1);

  test("are parsed by their kinds", () => {
    assert.deepEqual(
      { ...read("--port", "5500", "data", "--topic=a", "--topic", "b", "--no-allow-publish") },
      {
        values: { port: 5500, topic: ["a", "b"], "allow-publish": false },
        positionals: ["data"],
      },
    );
    assert.deepEqual(read("-h").values, { help: true });
    assert.deepEqual(read("--", "--port").positionals, ["--port"]);
    assert.deepEqual(read("-").positionals, ["-"]);
    assert.deepEqual(read("--jwt=-x").values, { jwt: "-x" });
    assert.deepEqual(read("--jwt", "-").values, { jwt: "-" });
  });

  for (const [args, message] of [
    [["--prot", "1"], /Unknown flag --prot\. Did you mean "--port"/],
    [["--constructor"], /Unknown flag --constructor/],
    [["-x"], /Unknown flag -x/],
    [["--no-port"], /Unknown flag --no-port/],
    [["--port"], /--port needs a value: --port=<number>/],
    [["--port="], /--port needs a value/],
    [["--jwt", "--port", "1"], /--jwt needs a value/],
    [["--port", "0x10"], /needs a number, not "0x10"/],
    [["--port=1", "--port=2"], /--port is given twice/],
    [["--allow-publish", "--no-allow-publish"], /--allow-publish is given twice/],
    [["--allow-publish=yes"], /takes no value/],
    [["a", "b"], /takes max 1 argument; "b" is too many/],
  ] as const) {
    test(`reject ${args.join(" ")}`, () => {
      assert.throws(
        () => read(...args),
        (error: Error) => error instanceof UsageError && message.test(error.message),
      );
    });
  }
});

describe("htmx-mercure", () => {
  test("lists the commands with --help, and each command has its own help", async (t) => {
    const { code, stdout } = await run(t, ["--help"]);
    assert.equal(code, 0);
    const commands = [...stdout.matchAll(/^ {2}([a-z-]+) /gm)].map(([, name]) => name!);
    assert.deepEqual(commands, ["hub", "publish", "subscribe", "subscriptions", "token", "gen-secret-key", "schema"]);
    for (const command of commands) {
      const help = await run(t, [command, "--help"]);
      assert.equal(help.code, 0);
      assert.match(help.stdout, new RegExp(`^Usage: htmx-mercure ${command}\\b`));
      assert.equal(help.stderr, "");
    }
    assert.deepEqual(await run(t, ["help", "hub"]), await run(t, ["hub", "--help"]));
  });

  test("prints the package's version with --version", async (t) => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    assert.deepEqual(await run(t, ["--version"]), { code: 0, stdout: `${version}\n`, stderr: "" });
  });

  test("exits with 2 and lists the commands without a command, and with an unknown one", async (t) => {
    const without = await run(t, []);
    assert.equal(without.code, 2);
    assert.match(without.stderr, /^Usage:/);
    assert.equal(without.stdout, "");
    const wrong = await run(t, ["publsh"]);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /Unknown command "publsh"\. Did you mean "publish"/);
  });

  test("prints 32 new bytes at each gen-secret-key", async (t) => {
    const keys = await Promise.all([run(t, ["gen-secret-key"]), run(t, ["gen-secret-key"])]);
    for (const { code, stdout } of keys) {
      assert.equal(code, 0);
      assert.match(stdout, /^[0-9a-f]{64}\n$/);
    }
    assert.notEqual(keys[0].stdout, keys[1].stdout);
  });
});
