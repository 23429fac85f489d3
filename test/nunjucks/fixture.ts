import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import type { Environment } from "nunjucks";
import nunjucks from "nunjucks";
import type { Hub } from "../../src/hub/hub.js";
import { Components } from "../../src/nunjucks/components.js";
import { createEnvironment } from "../../src/nunjucks/environment.js";
import { addGlobals } from "../../src/nunjucks/globals.js";
import { safeStringMaker } from "../../src/nunjucks/safe-string.js";
import { StreamTags } from "../../src/nunjucks/stream-tags.js";
import { EmbeddedHubPort } from "../../src/publisher/hub/embedded-hub-port.js";
import { Models } from "../../src/publisher/publish/models.js";
import { TopicReader } from "../../src/publisher/publish/topic-reader.js";
import { Variants } from "../../src/publisher/publish/variants.js";
import { Authorizer } from "../../src/publisher/streams/authorizer.js";
import { RenderContexts } from "../../src/publisher/streams/render-context.js";
import { createStreamParts } from "../../src/publisher/streams/stream-parts.js";
import { Tokens } from "../../src/publisher/streams/tokens.js";
import { UnboundStreams } from "../../src/publisher/streams/unbound-streams.js";
import { Viewer } from "../../src/publisher/streams/viewer.js";

export interface FixtureOptions {
  /** Template files by their path; those under `components/` are components. */
  files?: Record<string, string>;
  /** Makes the environment; default the library's own. */
  environment?: (folder: string) => Environment;
  development?: boolean;
  typeIsTopic?: boolean;
  swapStyles?: string[];
  /** The line of htmx. Default 2. */
  line?: 2 | 4;
}

export interface Fixture {
  readonly folder: string;
  readonly components: Components;
  readonly environment: Environment;
  readonly models: Models;
  readonly pages: RenderContexts;
  readonly connections: { count: number };
  readonly warnings: readonly string[];
  write(path: string, content: string): void;
  /** Renders a file as a page. */
  render(template: string, context?: object): string;
}

/** The library's Nunjucks integration with files of its own, without a server. */
export function fixture(t: TestContext, options: FixtureOptions = {}): Fixture {
  const folder = mkdtempSync(join(tmpdir(), "htmx-mercure-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const write = (path: string, content: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  };
  mkdirSync(join(folder, "components"));
  for (const [path, content] of Object.entries(options.files ?? {})) write(path, content);

  const development = options.development ?? true;
  const templates = [join(folder, "templates"), join(folder, "components")];
  const environment = options.environment?.(folder) ?? createEnvironment({ templates, development });
  const models = new Models();
  const pages = new RenderContexts();
  const connections = { count: 0 };
  const makeSafe = safeStringMaker(environment);
  const protocol = 0;
  const hubPath = "/.well-known/mercure";
  const variants = new Variants({ clock: { now: () => 0 }, lifetime: 60, areAllKnown: true });
  const warnings: string[] = [];
  const streams = createStreamParts({
    hub: new EmbeddedHubPort({
      hub: { lastEventId: "#cursor", path: hubPath, publicPath: hubPath } as Hub,
      publicHubUrl: hubPath,
      variants,
    }),
    protocol,
    topics: new TopicReader(models, protocol),
    viewer: new Viewer({ pages, authorizer: new Authorizer(undefined), hubPath }),
    tokens: new Tokens({
      protocol,
      issuer: "/",
      resource: hubPath,
      publisherSecretKey: "publisher",
      subscriberSecretKey: "subscriber",
      publisherJwt: undefined,
      tokenLifetime: 60,
    }),
    tokenMode: "url",
    renewalPath: undefined,
    presence: undefined,
    variants,
    streamLimits: {
      matchers: { count: 200, length: 2048, patternSize: 5000, bytes: 0 },
      grants: { details: 100, topics: 1000, topicLength: 2048, patternSize: 5000 },
      hubUrl: "https://example.com/.well-known/mercure",
      urlBytes: 8000,
    },
    pages,
    unbound: new UnboundStreams(pages),
    basePath: () => "",
    allowAnonymous: true,
  });
  const streamTags = new StreamTags({
    streams,
    typeIsTopic: options.typeIsTopic ?? false,
    swapStyles: options.swapStyles ?? [],
    makeSafe,
    line: () => options.line ?? 2,
    onConnection: () => connections.count++,
  });
  const components = new Components({
    environment,
    makeSafe,
    folders: [join(folder, "components")],
    development,
    kit: streamTags.prepare,
    propsOf: (value) => models.propsOf(value),
    warn: (message) => warnings.push(message),
    onError: (error) => {
      throw error;
    },
  });
  addGlobals(environment, { streams, components, scripts: () => "" });
  return {
    folder,
    components,
    environment,
    models,
    pages,
    connections,
    warnings,
    write,
    render: (template, context = {}) => components.attempt(() => environment.getTemplate(template).render(context)),
  };
}

/** An application's own environment, with delimiters of its choice. */
export function applicationEnvironment(folder: string, tags?: nunjucks.ConfigureOptions["tags"]): Environment {
  const loader = new nunjucks.FileSystemLoader([join(folder, "templates"), join(folder, "components")]);
  return new nunjucks.Environment(loader, { autoescape: true, ...(tags === undefined ? {} : { tags }) });
}
