// Checks that the lists of the pages agree with the code. A comment before a table names the content of its first
// column.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { describe, test } from "node:test";
import type { Environment } from "nunjucks";
import { hubFlags } from "../../src/cli/hub-flags.js";
import { flagOf } from "../../src/cli/option-flags.js";
import { resolveOptions } from "../../src/express/configuration.js";
import { type HubOption, historyOptions, sharedOptions } from "../../src/hub/options/option-table.js";
import { variableOf } from "../../src/hub/options/read-options.js";
import { secret, startSample } from "./fragments.js";
import { pages, root, tableAfter } from "./markdown.js";
import { createProject } from "./project.js";

const documents = pages();

interface Table {
  readonly page: string;
  readonly subject: string;
  readonly rows: readonly (readonly string[])[];
}

function tables(kind: string): Table[] {
  return documents.flatMap(({ path, text }) =>
    [...text.matchAll(new RegExp(`<!-- ${kind}: (.+?) -->`, "g"))].map((match) => ({
      page: path,
      subject: match[1]!,
      rows: tableAfter(text, match.index),
    })),
  );
}

/** The code at the start of a table's cell: `name` of `name(argument)`. */
function nameIn(cell = ""): string {
  return /^`([^`(]+)/.exec(cell)?.[1] ?? "";
}

function namesIn({ rows }: Table): string[] {
  return rows.map(([cell]) => nameIn(cell)).sort();
}

interface Member {
  readonly name: string;
  readonly comment: string;
}

/** The members of an interface, as the formatter writes them, without inherited ones. */
function membersOf(path: string, name: string): Member[] {
  const source = readFileSync(root + path, "utf8");
  const start = source.search(new RegExp(`^export interface ${name}\\b`, "m"));
  assert.notEqual(start, -1, `${path} has no interface ${name}`);
  const body = source.slice(start, source.indexOf("\n}", start));
  return [...body.matchAll(/(?:^ {2}\/\*\*([\s\S]*?)\*\/\n)? {2}(?:readonly )?"?([\w:]+)"?\??:/gm)].map((match) => ({
    name: match[2]!,
    comment: (match[1] ?? "").replaceAll(/\s*\n\s*\*\s*/g, " "),
  }));
}

/** The interfaces of the options that an application's hub has besides its limits. */
const sharedSources = ["SharedHubOptions", "HubHistoryOptions"]
  .map((name) => `src/hub/options/shared-options.ts ${name}`)
  .join(", ");

/** The members of interfaces such as `src/express/kit.ts Kit, src/nunjucks/html.ts OobOptions`. */
function membersOfAll(subjects: string): Member[] {
  return subjects.split(", ").flatMap((subject) => membersOf(...(subject.split(" ") as [string, string])));
}

describe("tables of members", () => {
  for (const table of tables("keys")) {
    test(`${table.page}: ${table.subject}`, () => {
      const members = membersOfAll(table.subject).map((member) => member.name);
      assert.deepEqual(namesIn(table), members.sort());
    });
  }
});

describe("the table of hub options", () => {
  const rows: [string, HubOption][] = Object.entries({ ...sharedOptions, ...historyOptions });
  const sources = `${sharedSources}, src/hub/limits/hub-limits.ts HubLimits`;
  const comments = new Map(membersOfAll(sources).map(({ name, comment }) => [name, comment]));

  for (const [name, option] of rows) {
    test(`has the default and the bounds of ${name} from its doc comment`, () => {
      const comment = comments.get(name)!.replaceAll(/(?<=\d),(?=\d{3})|[`"]/g, "");
      const { max, zero } = { max: undefined, zero: undefined, ...option };
      const shown = Array.isArray(option.default) || option.default === undefined ? "none" : option.default;
      const amount = /Default (\S+(?: [KM]iB)?)[;.:]/.exec(comment)?.[1];
      assert.equal(String(shownValue(amount)), String(shownValue(`${shown}`)));
      assert.equal(/ max (\d+)/.exec(comment)?.[1], max === undefined ? undefined : String(max));
      assert.equal(/; 0 for ([^.;]+)/.exec(comment)?.[1], zero);
    });
  }

  for (const table of [...tables("keys"), ...tables("options"), ...tables("flags")]) {
    const found = rows.flatMap(([name, option]) => {
      const named = table.page === "docs/cli.md" ? `--${flagOf(name, option)}` : name;
      const cells = table.rows.find(([cell]) => nameIn(cell) === named);
      return cells === undefined || option.kind === "object" ? [] : [{ name, option, cells }];
    });
    if (found.length < 5) continue;
    const column = table.subject === "EmbeddedHubOptions" ? 2 : 1;

    for (const { name, option, cells } of found) {
      test(`${table.page} has the default, the max and the variable of ${name} from the table`, () => {
        // The command's own defaults are in its help.
        const help = /Default:? (.+?)(?:;|\.$)/.exec(hubFlags[flagOf(name, option)]!.help)?.[1];
        const byDefault = table.page === "docs/cli.md" ? (help ?? "none") : (option.default ?? "none");
        assert.deepEqual(shownValue(cells[column]), shownValue(Array.isArray(byDefault) ? "none" : String(byDefault)));
        const row = cells.join(" ");
        if ("max" in option && option.max !== undefined) assert.match(row, new RegExp(`max ${option.max}\\b`));
        const variables: readonly string[] = row.match(/MERCURE_\w+/g) ?? [];
        if (table.subject === "EmbeddedHubOptions") assert.deepEqual(variables, [variableOf(name, option)]);
        else if (variables.length > 0) assert.deepEqual(variables, [variableOf(name, option)]);
      });
    }
  }
});

/** Returns the value that a page shows: `1 MiB`, `yes`, `"both"`, `100,000`. */
function shownValue(shown = ""): string | number {
  const text = shown.replaceAll(/[`"]/g, "").trim();
  const [, amount, unit] = /^(\d+)(?: ([KM])iB)?$/.exec(text) ?? [];
  if (amount !== undefined) return Number(amount) * (unit === undefined ? 1 : unit === "K" ? 1024 : 1024 * 1024);
  return { yes: "true", no: "false" }[text] ?? text;
}

describe("tables of options", () => {
  const { hub: _hub, ...configuration } = resolveOptions({ secret }, {});
  for (const table of tables("options")) {
    const isHub = table.subject === "EmbeddedHubOptions";
    const members = isHub ? membersOfAll(sharedSources) : membersOfAll(`src/express/options.ts ${table.subject}`);

    test(`${table.page} lists exactly the options of ${table.subject}`, () => {
      assert.deepEqual(namesIn(table), members.map(({ name }) => name).sort());
    });

    // The table of hub options is held to the code above.
    for (const [cell, , byDefault = "", variable = ""] of isHub ? [] : table.rows) {
      const name = nameIn(cell);
      test(`${table.page}: ${name}`, () => {
        const { comment = "" } = members.find((member) => member.name === name) ?? {};
        const variables = (text: string) => text.match(/\b(?:MERCURE_\w+|SECRET_KEY|NODE_ENV)\b/g) ?? [];
        assert.deepEqual(variables(variable), variables(comment));
        const literal = /^`([^`]*)`(?:,|$)/.exec(byDefault)?.[1] ?? "";
        if (!/^["[\d]|^(true|false)$/.test(literal)) return;
        assert.deepEqual((configuration as Record<string, unknown>)[name], JSON.parse(literal));
      });
    }
  }
});

test("docs/cli.md lists exactly the flags of the hub", () => {
  const [table] = tables("flags");
  assert.deepEqual(
    namesIn(table!),
    Object.keys(hubFlags)
      .map((name) => `--${name}`)
      .sort(),
  );
});

describe("tables of variables", () => {
  const table = (subject: string) => tables("variables").find((each) => each.subject === subject)!;

  for (const name of ["MercureStream", "MercureStreamContext", "MercurePresence", "MercureStatus"]) {
    const hasTopic = name !== "MercureStatus";
    const required = { ...(hasTopic && { topic: "a" }), ...(name === "MercurePresence" && { hx_get: "/" }) };
    const properties = table(`props of ${name}`);
    const variables = table(`context of ${name}`);

    test(`the overrides of ${name} match its table`, async (t) => {
      const { kit } = await startSample(t, createProject(t, { [`components/${name}.njk`]: "{{ see() }}" }));
      let seen: string[] = [];
      kit.environment.addGlobal("see", function (this: { getVariables(): object }) {
        seen = Object.keys(this.getVariables());
      });
      kit.render(name, { ...required, children: "" });
      assert.deepEqual(namesIn(variables), seen.sort());
    });

    // A tag's own property does not become an attribute.
    test(`the properties of ${name} are those of its table`, async (t) => {
      const { kit } = await startSample(t, createProject(t, { [`components/${name}.njk`]: "[{{ attributes }}]" }));
      const values: Record<string, unknown> = { hx_swap: "none", tag: "p" };
      if (hasTopic && name !== "MercurePresence") Object.assign(values, { private: false, with_subscriptions: false });
      if (name === "MercureStream") Object.assign(values, { auto_scroll: false, limit: 1 });
      if (name === "MercureStreamContext") values.with_presence = false;
      const names = [...new Set(["topic", "topics"].concat(...tables("variables").map(namesIn)))];
      const own = names.filter((prop) => {
        if (!/^[a-z_]+$/.test(prop) || prop === "children") return false;
        let html: string;
        try {
          html = String(kit.render(name, { ...required, children: "", [prop]: values[prop] ?? "x" }));
        } catch (error) {
          assert.match(String(error), /has no property|: Move /, "a property of another tag is rejected by name");
          return false;
        }
        return !new RegExp(`[[ ]${prop.replaceAll("_", "-")}=`).test(html);
      });
      const documented = namesIn(properties).concat(name === "MercureStreamContext" ? "topic" : []);
      assert.deepEqual(own.sort(), documented.sort());
    });
  }

  test("the globals are those of their table", async (t) => {
    const { kit } = await startSample(t, createProject(t));
    const { globals } = kit.environment as Environment & { globals: object };
    const ours = Object.keys(globals).filter((name) => !["range", "cycler", "joiner"].includes(name));
    assert.deepEqual(namesIn(table("globals")), ours.sort());
  });
});

test("the classes and custom properties of the style sheet are those of their table", () => {
  const [table] = tables("styles");
  const style = readFileSync(root + table!.subject, "utf8");
  // A page can set the custom properties that the style sheet reads and does not set.
  const properties = [...style.matchAll(/var\((--[\w-]+)/g)].map(([, name]) => name!);
  const classes = style.match(/\.mercure-[a-z-]+/g) ?? [];
  const names = [...properties.filter((name) => !style.includes(`${name}:`)), ...classes, ".mercure-stream-context"];
  assert.deepEqual(namesIn(table!), [...new Set(names)].sort());
});

test("docs/architecture.md lists the existing modules and files", () => {
  const [table] = tables("modules");
  const modules = readdirSync(`${root}src`).map((name) => name.replace(/\.ts$/, ""));
  assert.deepEqual(
    namesIn(table!).map((name) => name.replace(/\.ts$/, "")),
    modules.sort(),
  );
});

test("the rows of a table have as many cells as its head", () => {
  const uneven = documents.flatMap(({ path, text }) => {
    const prose = text.replaceAll(/^( *)(`{3,})[^\n]*\n[\s\S]*?^\1\2 *$/gm, (block) => block.replaceAll(/[^\n]/g, ""));
    let head: number | undefined;
    return prose.split("\n").flatMap((line, index) => {
      if (!/^\s*\|/.test(line)) head = undefined;
      else {
        const cells = line.trim().split(/(?<!\\)\|/).length;
        head ??= cells;
        if (cells !== head) return [`${path}:${index + 1}`];
      }
      return [];
    });
  });
  assert.deepEqual(uneven, []);
});

describe("comments", () => {
  const code = ["src", "test", "bench", "scripts", "example-app"].flatMap((folder) =>
    readdirSync(`${root}${folder}`, { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(?:ts|mjs)$/.test(name))
      .map((name) => posix.join(folder, name)),
  );
  const comments = code.map((path) => {
    const lines = readFileSync(`${root}${path}`, "utf8").split("\n");
    const text = lines.map((line) => /^\s*(?:\/\/|\/?\*+)(.*)$/.exec(line)?.[1]?.trim() ?? "").join(" ");
    return { path, text };
  });

  test("name existing files", () => {
    const wrong = comments.flatMap(({ path, text }) =>
      [
        ...text.matchAll(
          /`((?:[\w-]+\/)*[\w-]+(?:\.test)?\.(?:ts|mjs))`|\b(docs\/[\w/-]+\.md|(?:test|src)\/[\w/.-]+\.ts)\b/g,
        ),
      ]
        .map(([, name, page]) => name ?? page!)
        .filter((name) => !code.some((each) => each === name || each.endsWith(`/${name}`)) && !existsSync(root + name))
        .map((name) => `${path}: ${name}`),
    );
    assert.deepEqual(wrong, []);
  });

  test("name existing headings of pages", () => {
    const headings = documents.flatMap(({ path, text }) =>
      [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => `${path}: ${heading}`),
    );
    const named = comments.flatMap(({ text }) => [
      ...[...text.matchAll(/"([^"]+)" in (docs\/[\w/-]+\.md)/g)].map(([, heading, page]) => `${page}: ${heading}`),
      ...[...text.matchAll(/(docs\/[\w/-]+\.md)(?:,| under) "([^"]+)"/g)].map(
        ([, page, heading]) => `${page}: ${heading}`,
      ),
    ]);
    assert.ok(named.length > 1);
    assert.deepEqual(
      named.filter((name) => !headings.includes(name)),
      [],
    );
  });
});

describe("links", () => {
  const anchors = new Map(
    documents.map(({ path, text }) => [
      path,
      [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
        heading!
          .toLowerCase()
          .replaceAll(/[^\w\s-]/g, "")
          .trim()
          .replaceAll(" ", "-"),
      ),
    ]),
  );
  for (const { path, text } of documents) {
    test(`${path} links to existing pages and headings`, () => {
      const prose = text.replaceAll(/^(`{3,})[^\n]*\n[\s\S]*?^\1 *$/gm, "");
      const broken = [...prose.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].filter(([, file, anchor]) => {
        const target = file === "" ? path : posix.join(posix.dirname(path), file!);
        return !existsSync(root + target) || (anchor !== undefined && !anchors.get(target)?.includes(anchor));
      });
      assert.deepEqual(
        broken.map(([link]) => link),
        [],
      );
    });
  }
});
