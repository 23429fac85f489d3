import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { developmentSecret } from "../../src/shared/development-secret.js";
import { generateDevSecret } from "../../src/shared/generate-dev-secret.js";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));

function project(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "htmx-mercure-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "package.json"), "{}");
  return folder;
}

describe("the secret of a project's development", () => {
  // Each process would make its own, and refuse the streams of the pages that another one has rendered.
  test("is required of several processes that have no place to store one", (t) => {
    const folder = mkdtempSync(join(tmpdir(), "htmx-mercure-"));
    t.after(() => rmSync(folder, { recursive: true }));
    t.mock.method(process, "cwd", () => folder);
    const before = { ...process.env };
    t.after(() => {
      process.env = before;
    });
    const lines: string[] = [];
    const logger = { warn: (line: string) => void lines.push(line), error: () => {} };
    assert.match(generateDevSecret(undefined, true, logger), /^[0-9a-f]{64}$/);
    assert.match(lines.join(), /Tokens are valid until this process ends/);
    Object.assign(process.env, { NODE_APP_INSTANCE: "0", pm_id: "7", instances: "2" });
    const message = /secret is missing\. This is one of several processes, which must share it.*set SECRET_KEY/;
    assert.throws(() => generateDevSecret(undefined, true, logger), { code: "ERR_OPTION", message });
    assert.equal(lines.length, 1);
    writeFileSync(join(folder, "package.json"), "{}");
    assert.equal(generateDevSecret(undefined, true, logger), generateDevSecret(undefined, true, logger));
  });

  test("is the same at each start, in every folder of the project", (t) => {
    const folder = project(t);
    const below = join(folder, "src", "server");
    mkdirSync(below, { recursive: true });
    const kept = developmentSecret(folder);
    assert.match(kept!.secret, /^[0-9a-f]{64}$/);
    assert.deepEqual([developmentSecret(folder), developmentSecret(below)], [kept, kept]);
  });

  test("is another for another project", (t) => {
    assert.notEqual(developmentSecret(project(t))!.secret, developmentSecret(project(t))!.secret);
  });

  // Another user of the machine reads the secret, or it is committed, and with it anybody signs tokens.
  test("is read by its owner alone, and ignored by git", (t) => {
    const { path } = developmentSecret(project(t))!;
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(dirname(path)).mode & 0o777, 0o700);
    assert.equal(readFileSync(join(dirname(path), ".gitignore"), "utf8"), "*\n");
  });

  test("is the same in processes that start at once", async (t) => {
    const folder = project(t);
    const program = `import { developmentSecret } from ${JSON.stringify(join(root, "src/shared/development-secret.ts"))};
      process.stdout.write(developmentSecret(${JSON.stringify(folder)}).secret);`;
    const start = () => run(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], { cwd: root });
    const secrets = (await Promise.all(Array.from({ length: 4 }, start))).map(({ stdout }) => stdout);
    assert.deepEqual(new Set(secrets), new Set([developmentSecret(folder)!.secret]));
    assert.deepEqual(readdirSync(dirname(developmentSecret(folder)!.path)).sort(), [
      ".gitignore",
      "development-secret",
    ]);
  });

  test("is generated again if its file was cut off", (t) => {
    const folder = project(t);
    const { path } = developmentSecret(folder)!;
    writeFileSync(path, "0123");
    const { secret } = developmentSecret(folder)!;
    assert.match(secret, /^[0-9a-f]{64}$/);
    assert.equal(developmentSecret(folder)!.secret, secret);
  });

  test("is missing where no file can be kept", (t) => {
    const folder = project(t);
    writeFileSync(join(folder, "node_modules"), "no folder");
    assert.equal(developmentSecret(folder), undefined);
    const outside = mkdtempSync(join(tmpdir(), "htmx-mercure-"));
    t.after(() => rmSync(outside, { recursive: true }));
    assert.equal(existsSync(join(outside, "package.json")), false);
    assert.equal(developmentSecret(outside), undefined);
  });
});
