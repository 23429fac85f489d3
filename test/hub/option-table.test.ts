import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { configure } from "../../src/cli/hub-flags.js";
import { flagOf } from "../../src/cli/option-flags.js";
import { resolveOptions } from "../../src/express/configuration.js";
import { Hub, type HubOptions } from "../../src/hub/index.js";
import { type HubOption, historyOptions, sharedOptions } from "../../src/hub/options/option-table.js";
import { variableOf } from "../../src/hub/options/read-options.js";
import { OptionReader } from "../../src/shared/option-reader.js";
import { MemoryTransport } from "../../src/transport/memory/memory.js";

const secret = "0123456789abcdef0123456789abcdef";

/** Reads hub options as an application does, and as the command line does. */
const application = (hub: object, environment: NodeJS.ProcessEnv = {}) =>
  resolveOptions({ secret, hub }, environment).hub as unknown as Record<string, unknown>;
const command = (flags: object, environment: NodeJS.ProcessEnv = {}) => {
  const { hub, history } = configure(
    new OptionReader({ secret, ...flags }, "--", { SECRET_KEY: secret, ...environment }),
  );
  return { ...hub, ...history } as unknown as Record<string, unknown>;
};

/** A value beside the default, as an environment variable spells it. */
function otherValue(option: HubOption): string {
  switch (option.kind) {
    case "number":
      return String(option.default + 1);
    case "boolean":
      return option.default ? "no" : "yes";
    case "choice":
      return String(option.values.find((value) => value !== option.default));
    case "path":
      return "/live";
    case "historyLengths":
      return "/log=0 urlpattern:/chat/:id=20";
    default:
      return "https://a.example";
  }
}

describe("the table of hub options", () => {
  for (const [name, option] of Object.entries<HubOption>({ ...sharedOptions, ...historyOptions })) {
    const flag = flagOf(name, option);

    if (option.kind === "number") {
      const { min, max } = option;
      const tooHigh = max === undefined ? Number.MAX_SAFE_INTEGER + 1 : max + 1;

      test(`gives ${name} the same bounds as an option, as a flag and in the class`, () => {
        for (const value of [min - 1, tooHigh]) {
          const refusal = { code: "ERR_OPTION", message: /must be a (whole )?number, min/ };
          assert.throws(() => application({ [name]: value }), refusal);
          assert.throws(() => command({ [flag]: value }), refusal);
          if (name in historyOptions) continue;
          const options = { transport: new MemoryTransport(), [name]: value } as HubOptions;
          assert.throws(() => new Hub(options), refusal);
        }
        for (const value of [min, max ?? Number.MAX_SAFE_INTEGER]) {
          assert.equal(application({ [name]: value })[name], value);
          assert.equal(command({ [flag]: value })[name], value);
        }
      });
    }

    if (option.kind !== "object") {
      test(`gives ${name} the same variable in an application and for the command`, () => {
        const environment = { [variableOf(name, option)!]: otherValue(option) };
        const read = application({}, environment)[name];
        assert.notDeepEqual(read, option.default);
        assert.deepEqual(command({}, environment)[name], read);
      });
    }
  }

  test("turns publishing over HTTP on for the command alone", () => {
    const options: Record<string, unknown> = { ...application({}), allowPublish: true };
    const { cookieName: _cookieName, ...own } = command({});
    assert.deepEqual(own, options);
  });
});
