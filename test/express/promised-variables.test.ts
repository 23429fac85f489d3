import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import type { Express, NextFunction, Request, Response } from "express";
import { TemplateError } from "../../src/index.js";
import { application } from "../support/application.js";
import { fatalErrors } from "../support/fatal-errors.js";

const inChildren: Record<string, string> = {
  "is printed": "<% Card %>{{ user }}<% endCard %>",
  "is a condition": "<% Card %><% if user %>x<% endif %><% endCard %>",
  "is negated": "<% Card %>{{ not user }}<% endCard %>",
  "is looped over": "<% Card %><% for x in user %>x<% endfor %><% endCard %>",
  "is assigned": "<% Card %><% set x = user %><% endCard %>",
  "is switched on": "<% Card %><% switch user %><% case 1 %>x<% endswitch %><% endCard %>",
  "is printed by an included template": "<% Card %><% include 'included.njk' %><% endCard %>",
  "is passed to a macro": "<% macro m(x) %>x<% endmacro %><% Card %>{{ m(user) }}<% endCard %>",
  "is printed in a call block":
    "<% macro m() %>{{ caller() }}<% endmacro %><% Card %><% call m() %>{{ user }}<% endcall %><% endCard %>",
  "is filtered": "<% Card %>{{ user | default('x') }}<% endCard %>",
  "is joined": "<% Card %>{{ [user] | join }}<% endCard %>",
  "is tested": "<% Card %><% if user is string %>x<% endif %><% endCard %>",
  "is concatenated": "<% Card %>{{ 'a' ~ user }}<% endCard %>",
  "is a property": "<% Card %>{{ order.user }}<% endCard %>",
  "is an item of a list": "<% Card %><% for x in users %>{{ x }}<% endfor %><% endCard %>",
  "is the result of a function": "<% Card %><% if find() %>x<% endif %><% endCard %>",
  "is the result of a method": "<% Card %><% set x = order.find() %><% endCard %>",
  "is in a stream": "<% MercureStream topic='t' %><% if user %>x<% endif %><% endMercureStream %>",
};

/** An asynchronous filter that waits for a promise. */
function awaited(promise: Promise<unknown>, done: (error: unknown, value?: unknown) => void): void {
  promise.then((value) => done(null, value), done);
}

/** Visits a page, and returns the error of its handler. */
async function failureOf(app: Express, listen: () => Promise<string>): Promise<unknown> {
  let failure: unknown;
  app.use((error: unknown, _req: Request, res: Response, _next: NextFunction) => {
    failure = error;
    // The end of a connection rejects the promises of some pages.
    res.set("Connection", "close").status(500).send("failed");
  });
  assert.equal((await fetch(await listen())).status, 500);
  return failure;
}

describe("a promise in a template's variables that is rejected later", () => {
  for (const [what, template] of Object.entries(inChildren)) {
    for (const development of [true, false]) {
      // An unhandled rejection ends the process: one visit of the page would be enough.
      test(`is an error with its place where it ${what} in a tag's children, ${development ? "in development" : "in production"}`, async (t) => {
        const files = {
          "templates/index.njk": `\n${template}`,
          "templates/included.njk": "{{ user }}",
          "components/Card.njk": "<b>{{ children }}</b>",
        };
        const { app, listen } = application(t, files, { development });
        const fatal = fatalErrors(t);
        const ends: Promise<unknown>[] = [];
        app.get("/", (req, res) => {
          const late = () => {
            const end = once(req.socket, "close");
            ends.push(end);
            return end.then(() => Promise.reject(new Error("no database")));
          };
          const used = (name: string) => new RegExp(`\\b${name}\\b`).test(template);
          res.render("index", {
            ...((used("user") || used("included")) && !used("order") && { user: late() }),
            ...(used("users") && { users: [late()] }),
            order: { ...(used("order\\.user") && { user: late() }), find: late },
            find: late,
          });
        });
        const failure = await failureOf(app, listen);
        assert.ok(failure instanceof TemplateError, String(failure));
        assert.deepEqual([failure.code, failure.line], ["ERR_TEMPLATE", 2]);
        assert.match(failure.message, /promise/);
        assert.equal(ends.length, 1);
        await Promise.all(ends);
        // Node reports unhandled rejections before the next task.
        await new Promise((resolve) => setImmediate(resolve));
        assert.deepEqual(fatal, []);
      });
    }
  }

  const inPages: Readonly<Record<string, readonly [template: string, column: number, name: string]>> = {
    "is a condition": ["<% if user %>x<% endif %>", 7, "The promise user"],
    "is a second condition": ["<% if 0 %>x<% elif user %>y<% endif %>", 20, "The promise user"],
    "is a condition within a loop": ["<% for n in [1] %><% if user %>x<% endif %><% endfor %>", 25, "The promise user"],
    "is looped over": ["<% for x in user %>x<% endfor %>", 13, "The promise user"],
    "is an inline condition": ["{{ 1 if user else 2 }}", 9, "The promise user"],
    "is switched on": ["<% switch user %><% case 1 %>x<% endswitch %>", 11, "The promise user"],
    "is the result of a function that is a condition": ["<% if find() %>x<% endif %>", 11, "A promise"],
    "is a condition in a macro": [
      "<% macro m(u) %><% if u %>x<% endif %><% endmacro %>{{ m(user) }}",
      23,
      "The promise u",
    ],
    "is the left operand of and": ["<% if user and ready %>x<% endif %>", 7, "The promise user"],
    "is the right operand of and": ["<% if 1 and user %>x<% endif %>", 7, "A promise"],
    "is the second of three operands of and": ["<% if 1 and user and ready %>x<% endif %>", 7, "A promise"],
    "is the left operand of or": ["{{ user or 'nobody' }}", 4, "The promise user"],
    "is negated": ["<% if not user %>x<% endif %>", 11, "The promise user"],
    "is the operand of and in a property": ["<% set shown = user and ready %>", 16, "The promise user"],
    "is a condition after an asynchronous filter": ["{{ 1 | later }}<% if user %>x<% endif %>", 22, "The promise user"],
  };
  for (const [what, [template, column, name]] of Object.entries(inPages)) {
    // A promise is always true, so the page would show restricted content to everybody.
    test(`is an error with its place where it ${what} in a page`, async (t) => {
      const fatal = fatalErrors(t);
      const { app, kit, listen } = application(t, { "templates/index.njk": `\n${template}` });
      kit.environment.addFilter(
        "later",
        (x: unknown, done: (error: unknown, x: unknown) => void) => done(null, x),
        true,
      );
      const find = async () => Promise.reject(new Error("no database"));
      app.get("/", (_req, res) => res.render("index", { find, ...(template.includes("user") && { user: find() }) }));
      const failure = await failureOf(app, listen);
      assert.ok(failure instanceof TemplateError, String(failure));
      assert.deepEqual([failure.code, failure.line, failure.column], ["ERR_TEMPLATE", 2, column]);
      assert.match(failure.template ?? "", /templates\/index\.njk$/);
      assert.ok(failure.message.startsWith(`${name} cannot be a condition or a list: await it in the handler.`));
      await new Promise(setImmediate);
      assert.deepEqual(fatal, []);
    });
  }

  test("is a condition and a list after a page's asynchronous filter", async (t) => {
    const template = "<% if list | awaited %><% for x in list | awaited %>{{ x }}<% endfor %><% endif %>";
    const { app, kit, listen } = application(t, { "templates/index.njk": template });
    kit.environment.addFilter("awaited", awaited, true);
    app.get("/", (_req, res) => res.render("index", { list: Promise.resolve(["ada", "bob"]) }));
    assert.equal(await (await fetch(await listen())).text(), "adabob");
  });

  test("is an error where a page prints it", async (t) => {
    const { app, listen } = application(t, { "templates/index.njk": "{{ user }}" });
    app.get("/", (_req, res) => res.render("index", { user: Promise.reject(new Error("no database")) }));
    const failure = await failureOf(app, listen);
    assert.match(String(failure), /The promise user cannot be printed: await it in the handler/);
  });

  test("is awaited by a page's asynchronous filter", async (t) => {
    const { app, kit, listen } = application(t, { "templates/index.njk": "{{ user | awaited }}" });
    kit.environment.addFilter("awaited", awaited, true);
    app.get("/", (_req, res) => res.render("index", { user: Promise.resolve("ada") }));
    assert.equal(await (await fetch(await listen())).text(), "ada");
  });
});
