import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { NextFunction, Request, Response } from "express";
import nunjucks from "nunjucks";
import { TemplateError } from "../../src/index.js";
import type { Nodes, Parser } from "../../src/nunjucks/internals.js";
import { type Application, application } from "../support/application.js";
import { fatalErrors } from "../support/fatal-errors.js";
import { until } from "../support/until.js";

/** An application whose template is the page at `/`, with asynchronous filters; errors become answers. */
async function page(t: TestContext, template: string, files: Record<string, string> = {}, options = {}) {
  const fatal = fatalErrors(t);
  const running: Application = application(
    t,
    {
      "templates/index.njk": template,
      "templates/late.njk": '{{ "ada" | lookup }}',
      "templates/late-macros.njk": "<% macro late(x) %>{{ x | lookup }}<% endmacro %>",
      "components/Card.njk": "<b>{{ children }}</b>",
      "components/Named.njk": "<b>{{ title }}</b>",
      ...files,
    },
    options,
  );
  const { app, kit } = running;
  let failure: (Error & { code?: string }) | undefined;
  let pending = 0;
  const later = (work: () => void) => {
    pending++;
    setImmediate(() => {
      pending--;
      work();
    });
  };
  type Callback = (error: unknown, value?: unknown) => void;
  kit.environment.addFilter("lookup", (x: string, done: Callback) => later(() => done(null, x.toUpperCase())), true);
  kit.environment.addFilter(
    "failing",
    (_x: string, done: Callback) => later(() => done(new Error("no database"))),
    true,
  );
  kit.environment.addFilter("throwing", async () => Promise.reject(new Error("no database")), true);
  kit.environment.addFilter(
    "twice",
    (x: string, done: Callback) =>
      later(() => {
        done(null, x);
        done(null, x);
      }),
    true,
  );
  kit.environment.addGlobal("fetch_user", async () => Promise.reject(new Error("no database")));
  kit.environment.addGlobal("user", async () => "ada");
  kit.environment.addFilter(
    "awaited",
    (promise: Promise<string>, done: Callback) => void promise.then((x) => done(null, x.toUpperCase()), done),
    true,
  );
  app.get("/", (_req, res) => res.render("index"));
  app.use((error: Error, _req: Request, res: Response, _next: NextFunction) => {
    failure = error;
    res.status(500).send("failed");
  });
  const answer = await fetch(await running.listen());
  const text = await answer.text();
  await until(() => pending === 0);
  // Node reports an unhandled rejection before the next turn of the event loop.
  await new Promise(setImmediate);
  assert.deepEqual(fatal, []);
  return { status: answer.status, text, failure, ...running };
}

const inChildren: Readonly<Record<string, readonly [template: string, line: number, column: number]>> = {
  "a filter in a component": ['\n<% Card %>[{{ "ada" | lookup }}]<% endCard %>', 2, 23],
  "a filter in MercureStream": ['<% MercureStream topic="t" %>{{ "ada" | lookup }}<% endMercureStream %>', 1, 41],
  "a filter in a loop": ['<% Card %><% for n in ["ada"] %>{{ n | lookup }}<% endfor %><% endCard %>', 1, 40],
  "a filter in the list of a loop": ['<% Card %><% for n in ["ada"] | lookup %><% endfor %><% endCard %>', 1, 33],
  "a filter in a branch": ['<% Card %><% if true %>{{ "ada" | lookup }}<% endif %><% endCard %>', 1, 35],
  "a filter in an assignment": ['<% Card %><% set x = "ada" | lookup %>{{ x }}<% endCard %>', 1, 30],
  "a filter in a block assignment": ['<% set x %>{{ "ada" | lookup }}<% endset %>{{ x }}', 1, 23],
  "a filter in a filter block": ['<% filter upper %>{{ "ada" | lookup }}<% endfilter %>', 1, 30],
  "a filter block in a component": ["<% Card %><% filter lookup %>ada<% endfilter %><% endCard %>", 1, 21],
  "a filter in a macro": ["<% macro m(x) %>{{ x | lookup }}<% endmacro %>{{ m('ada') }}", 1, 24],
  "a filter in a call block": [
    "<% macro m() %>{{ caller() }}<% endmacro %><% call m() %>{{ 'ada' | lookup }}<% endcall %>",
    1,
    69,
  ],
  "a filter in the properties of an inner tag": ["<% Card %><% Card title=('ada' | lookup) %><% endCard %>", 1, 34],
  asyncEach: ['<% Card %><% asyncEach n in ["ada"] %>{{ n }}<% endeach %><% endCard %>', 1, 14],
  asyncAll: [
    '<% MercureStream topic="t" %><% asyncAll n in ["ada"] %>{{ n }}<% endall %><% endMercureStream %>',
    1,
    33,
  ],
  ifAsync: ["<% Card %><% ifAsync true %>x<% endif %><% endCard %>", 1, 14],
  "an asynchronous global": ["\n<% Card %>{{ fetch_user() }}<% endCard %>", 2, 4],
  "a filter in an included template": ['\n <% Card %>[<% include "late.njk" %>]<% endCard %>', 2, 5],
};

describe("an asynchronous value where nothing can wait", () => {
  for (const [what, [template, line, column]] of Object.entries(inChildren)) {
    // Its callback would throw outside of every handler, and one visit of the page would end the process.
    test(`is an error that names its place and the remedy: ${what}`, async (t) => {
      const { status, failure } = await page(t, template);
      assert.equal(status, 500);
      assert.ok(failure instanceof TemplateError, String(failure));
      assert.equal(failure.code, "ERR_TEMPLATE");
      assert.match(failure.message, /cannot be awaited inside "\w+": put its result into a variable first/);
      assert.match(failure.template ?? "", /templates\/index\.njk$/);
      assert.deepEqual([failure.line, failure.column], [line, column]);
    });
  }

  test("is an error in a macro of another template, and names it", async (t) => {
    const { failure } = await page(
      t,
      '<% from "late-macros.njk" import late %><% Card %>{{ late("ada") }}<% endCard %>',
    );
    assert.ok(failure instanceof TemplateError, String(failure));
    assert.match(failure.template ?? "", /templates\/late-macros\.njk$/);
  });

  test("is an error in a component, whose later failure stays contained", async (t) => {
    const { failure, errors } = await page(t, "<% Late %>", { "components/Late.njk": '{{ "ada" | failing }}' });
    assert.equal(failure?.code, "ERR_COMPONENT");
    assert.deepEqual(errors, []);
  });
});

/** A tag `<% fetch %>` with asynchronous text. */
const fetchTag = {
  tags: ["fetch"],
  parse(parser: Parser, nodes: Nodes) {
    const token = parser.nextToken()!;
    parser.advanceAfterBlockEnd(token.value);
    return new nodes.CallExtensionAsync("fetch", "run", new nodes.NodeList(0, 0, [new nodes.Literal(0, 0, "ADA")]), []);
  },
  run: (_context: unknown, text: string, done: (error: unknown, text: string) => void) =>
    void setImmediate(() => done(null, text)),
};

/** An environment with asynchronous templates. */
function lateEnvironment(templates: Readonly<Record<string, string>>): nunjucks.Environment {
  const LateLoader = (nunjucks.Loader as unknown as { extend(properties: object): new () => nunjucks.ILoader }).extend({
    async: true,
    getSource: (name: string, done: (error: unknown, loaded?: object) => void) =>
      void setImmediate(() => done(null, { src: templates[name], path: name, noCache: false })),
  });
  const environment = new nunjucks.Environment(new LateLoader(), { autoescape: true });
  environment.addExtension("fetch", fetchTag as unknown as nunjucks.Extension);
  return environment;
}

describe("asynchronous loaders and extensions", () => {
  const pages: Readonly<Record<string, readonly [template: string, rendered: RegExp]>> = {
    "a late template is included": ["{% include 'part' %}{% Card %}x{% endCard %}", /ADA.*<b>x/],
    "a late extension stands before a tag": ["{% fetch %}{% Card %}x{% endCard %}", /ADA.*<b>x/],
    "a late template is included in children": [
      "{% Card %}{% include 'part' %}{% endCard %}",
      /ERR_TEMPLATE.*line 1, column 4/,
    ],
    "a late extension stands in children": ["{% Card %}{% fetch %}{% endCard %}", /ERR_TEMPLATE.*line 1, column 4/],
    "a page fails after a late template": ["{% include 'part' %}{{ missing.function() }}", /undefined/],
    "a page fails after a late extension": ["{% fetch %}{{ missing.function() }}", /undefined/],
  };
  for (const [when, [template, rendered]] of Object.entries(pages)) {
    test(`render, or are errors of the page, when ${when}`, async (t) => {
      const fatal = fatalErrors(t);
      const environment = lateEnvironment({ "page.njk": template, part: "ADA" });
      const { app, listen } = application(t, { "components/Card.njk": "<b>{{ children }}</b>" }, { environment });
      environment.express(app);
      app.set("view engine", "njk");
      app.get("/", (_req, res) => res.render("page"));
      app.use((error: Error, _req: Request, res: Response, _next: NextFunction) => {
        res.send(`${(error as { code?: string }).code} ${error.message.replaceAll("\n", " ")}`);
      });
      assert.match(await (await fetch(await listen())).text(), rendered);
      assert.deepEqual(fatal, []);
    });
  }
});

describe("an asynchronous value in a page", () => {
  const rendered: Readonly<Record<string, string>> = {
    "before a tag": '<% set x = "ada" | lookup %><% Card %>{{ x }}<% endCard %>',
    "in a tag's property": '<% Named title=("ada" | lookup) %>',
    "in a loop around tags": '<% for n in ["ada"] %><% set x = n | lookup %><% Card %>{{ x }}<% endCard %><% endfor %>',
    "in an included template": '<% include "late.njk" %><% Card %>x<% endCard %>',
    "in a tag without children": '<% Card %>{{ "ada" | lookup }}',
    "as the promise of a global": "{{ user() | awaited }}",
    "that calls back twice": '{{ "ADA" | twice }}',
  };
  for (const [where, template] of Object.entries(rendered)) {
    test(`is awaited ${where}`, async (t) => {
      const { text } = await page(t, template);
      assert.equal(text.match(/ADA/g)?.length, 1, text);
    });
  }

  const failing: Readonly<Record<string, string>> = {
    "a filter that calls back with an error": '{{ "ada" | failing }}',
    "a filter whose promise rejects": '{{ "ada" | throwing }}',
    "a global's promise that is printed": "{{ user() }}",
    "a global's rejection": "{{ fetch_user() }}",
    "a global's rejection that a filter waits for": "{{ fetch_user() | awaited }}",
    "an error of Nunjucks after a filter": '{{ "ada" | lookup }}{{ missing.function() }}',
    "a component's error after a filter": '{{ "ada" | lookup }}<% Card %>{{ missing.function() }}<% endCard %>',
    "an included template's error after a filter": '<% include "late.njk" %>{{ missing.function() }}',
  };
  for (const [what, template] of Object.entries(failing)) {
    test(`passes to the error handlers ${what}`, async (t) => {
      const { status, text } = await page(t, template);
      assert.deepEqual([status, text], [500, "failed"]);
    });
  }

  // A visitor who requests another user's private stream would end the process for all.
  test("passes to the error handlers the refusal of a private stream after a filter", async (t) => {
    const template = '{{ "ada" | lookup }}<% MercureStream topic="orders/7" private %>';
    const { status, failure } = await page(t, template, {}, { authorize: () => false });
    assert.equal(status, 500);
    assert.equal(failure?.code, "ERR_FORBIDDEN");
  });
});
