import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import express, { type Express } from "express";
import { type Kit, type MercureOptions, mercure } from "../../src/index.js";
import type { Clock } from "../../src/shared/clock.js";
import { http2Server, speakHttp2 } from "./http2-express.js";
import { listening } from "./listening.js";

export interface Application {
  readonly app: Express;
  readonly kit: Kit;
  readonly folder: string;
  readonly warnings: string[];
  readonly errors: unknown[];
  /** Starts the server after the test has added its routes. */
  listen(outer?: Express): Promise<string>;
}

export const secret = "0123456789abcdef0123456789abcdef";

export interface ApplicationSetup {
  /** The kit's clock. */
  readonly clock?: Clock;
  /** Adds middleware before the library. */
  readonly before?: (app: Express) => void;
  /** The version of HTTP; 1 by default. */
  readonly http?: 1 | 2;
}

/** An Express application with the library and its own files, on a port that the system chooses. */
export function application(
  t: TestContext,
  files: Record<string, string> = {},
  options: MercureOptions = {},
  { clock, before, http = 1 }: ApplicationSetup = {},
): Application {
  const folder = mkdtempSync(join(tmpdir(), "htmx-mercure-"));
  // The next test begins meanwhile: on a busy disk, the removal takes longer than many a test.
  t.after(() => void rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  for (const name of ["templates", "components"]) mkdirSync(join(folder, name), { recursive: true });
  const warnings: string[] = [];
  const errors: unknown[] = [];
  const app = express();
  if (http === 2) speakHttp2(app);
  app.use(express.urlencoded());
  before?.(app);
  const kitOptions: MercureOptions = {
    ...(options.environment === undefined ? { templates: join(folder, "templates") } : {}),
    components: join(folder, "components"),
    secret,
    logger: { warn: (message) => void warnings.push(message), error: (...report) => void errors.push(report) },
    ...options,
  };
  const kit = mercure(app, kitOptions, clock);
  t.after(() => kit.close());
  return {
    app,
    kit,
    folder,
    warnings,
    errors,
    listen: (outer = app) => listening(t, http === 1 ? createServer(outer) : http2Server(outer)),
  };
}

/** The stream's URL in a page, as a browser resolves it. */
export function streamUrlOf(html: string, origin: string): string {
  const [, url] = /sse[-:]connect="([^"]+)"/.exec(html) ?? [];
  if (url === undefined) throw new Error(`no stream in ${html}`);
  return new URL(url.replaceAll("&amp;", "&"), origin).href;
}
