import { EventEmitter } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { transform } from "esbuild";
import express, { type Express, type Request, type Response } from "express";
import { encodeEvent, type Kit, MercureError, type MercureOptions, mercure, TemplateError } from "htmx-mercure";
import { listening } from "../support/listening.js";

export const secret = "0123456789abcdef0123456789abcdef";

class TodoList {
  id = 1;
  name = "Shopping";
}

class TodoItem {
  id = 7;
  title = "Milk";
  done = false;
}

class User {
  id = 1;
  name = "Ada";
}

/** The variables of a fragment or a template. */
const samples = {
  message: { id: "message-1", text: "hello" },
  messages: [{ id: "message-0", text: "first" }],
  TodoList,
  TodoItem,
  list: new TodoList(),
  item: new TodoItem(),
  items: [new TodoItem()],
  user: new User(),
};

/** The variables of a fragment alone, besides the library. */
const tools = {
  express,
  EventEmitter,
  emitter: new EventEmitter(),
  MercureError,
  TemplateError,
  encodeEvent,
  requireLogin: (_req: Request, _res: Response, next: () => void) => next(),
};

/** Declares to the compiler the variables that {@link runFragment} gives to a fragment. */
export const declarations = `
import type { EventEmitter as Emitter } from "node:events";
import type expressOf from "express";
import type { Express, Request, Response } from "express";
import type * as library from "htmx-mercure";
import type { Kit } from "htmx-mercure";

declare global {
  type Logger = library.Logger;
  type TopicMatcher = library.TopicMatcher;
  const MercureError: typeof library.MercureError;
  const TemplateError: typeof library.TemplateError;
  const encodeEvent: typeof library.encodeEvent;
  const app: Express;
  const kit: Kit;
  const { sse, render, components, html, oob, withResponse, environment, hub, close }: Kit;
  const express: typeof expressOf;
  const EventEmitter: typeof Emitter;
  const emitter: Emitter;
  const message: { id: string; text: string };
  const messages: { id: string; text: string }[];
  class TodoList { id: number; name: string }
  class TodoItem { id: number; title: string; done: boolean }
  const list: TodoList;
  const item: TodoItem;
  const items: TodoItem[];
  class User { id: number; name: string }
  const user: User;
  const requireLogin: (req: Request, res: Response, next: () => void) => void;
}
`;

/** An application in this process, with a page's files. */
export interface Sample {
  readonly app: Express;
  readonly kit: Kit;
  readonly origin: string;
  /** The errors that the library has logged. */
  readonly errors: readonly unknown[];
}

export async function startSample(t: TestContext, folder: string, options: MercureOptions = {}): Promise<Sample> {
  const errors: unknown[] = [];
  const app = express();
  app.use(express.urlencoded());
  const kit = mercure(app, {
    templates: join(folder, "templates"),
    components: join(folder, "components"),
    secret,
    logger: { warn: () => {}, error: (...report) => void errors.push(report) },
    ...options,
  });
  t.after(() => kit.close());
  return { app, kit, origin: await listening(t, createServer(app)), errors };
}

/** The variables that a template can use. */
export function templateContext(): Record<string, unknown> {
  return { ...samples, title: "Title", nonce: "abc" };
}

/**
 * Runs a fragment in a handler of a pending request. A line `expression; // → value` is checked; each route that the
 * fragment adds gets one request.
 */
export async function runFragment(sample: Sample, code: string): Promise<void> {
  const { app, kit, origin, errors } = sample;
  const logged: unknown[] = [];
  const variables = {
    ...samples,
    ...tools,
    app,
    kit,
    ...kit,
    console: { ...console, log: (...values: unknown[]) => void logged.push(values) },
    __shows: shows,
  };
  const { code: script } = await transform(`(async (req, res) => {\n${checked(code)}\n})`, { loader: "ts" });
  const fragment = new Function(...Object.keys(variables), `return ${script}`)(...Object.values(variables)) as (
    req: Request,
    res: Response,
  ) => Promise<void>;

  const routesBefore = routes(app).length;
  let failure: unknown;
  app.post("/fragment/:id", async (req, res) => {
    try {
      const running = fragment(req, res);
      if (/\bfor await\b/.test(code)) await endIteration(kit, code, running, logged);
      await running;
    } catch (error) {
      failure = error;
    }
    if (!res.headersSent) res.end();
  });
  const body = new URLSearchParams({ text: "hello", title: "Milk" });
  await (await fetch(`${origin}/fragment/7`, { method: "POST", body })).text();
  if (failure !== undefined) throw failure;
  for (const route of routes(app).slice(routesBefore + 1)) await ask(origin, route);
  await new Promise(setImmediate);
  if (errors.length > 0) throw new AggregateError(errors.flat(), `the fragment made the library log ${errors}`);
}

/** Publishes an update for each loop over updates, and ends the loop with the kit. */
async function endIteration(kit: Kit, code: string, running: Promise<void>, logged: unknown[]): Promise<void> {
  const topics = /updates\(([^)]*)\)/.exec(code)?.[1]?.matchAll(/"([^"]+)"/g) ?? [];
  for (const [, topic] of topics) await kit.sse.publish(topic!, "hello");
  let ended = false;
  running.then(
    () => {
      ended = true;
    },
    () => {
      ended = true;
    },
  );
  while (logged.length === 0 && !ended) await new Promise(setImmediate);
  await kit.close();
}

/** Turns `expression; // → value` into a check of the value. */
function checked(code: string): string {
  const line = /^( *)((?:const|let) \w+ = )?(.+); \/\/ → (.+)$/gm;
  return code.replaceAll(line, (_line, indent, assignment = "", expression, expected) => {
    return `${indent}${assignment}__shows(${expression}, ${JSON.stringify(expected)});`;
  });
}

function shows(value: unknown, expected: string): unknown {
  const text = value instanceof String || typeof value === "string" ? String(value) : JSON.stringify(value);
  const pattern = expected.split("…").map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  if (!new RegExp(`^${pattern.join("[^]*")}$`).test(text))
    throw new Error(`the page says → ${expected}\nbut it is → ${text}`);
  return value;
}

interface Route {
  readonly path: string;
  readonly method: string;
}

function routes(app: Express): Route[] {
  const { stack } = app.router as unknown as {
    stack: { route?: { path: string; methods: Record<string, boolean> } }[];
  };
  return stack.flatMap(({ route }) =>
    route === undefined ? [] : Object.keys(route.methods).map((method) => ({ path: route.path, method })),
  );
}

/** A stream answers at once and never ends, so this waits for the head of an answer only. */
async function ask(origin: string, { path, method }: Route): Promise<void> {
  const controller = new AbortController();
  const response = await fetch(origin + path.replaceAll(/:\w+/g, "7"), {
    method: method.toUpperCase(),
    signal: controller.signal,
    ...(method === "post" ? { body: new URLSearchParams({ text: "hello", title: "Milk" }) } : {}),
  });
  if (response.status >= 400) throw new Error(`${method} ${path} answers ${response.status}: ${await response.text()}`);
  controller.abort();
}
