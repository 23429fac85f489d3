import type { Application, Request } from "express";
import type { Environment } from "nunjucks";
import { handmadeGrant } from "../hub/auth/handmade-grant.js";
import { matcherLimitsOf, tokenLimitsOf } from "../hub/limits/hub-limits.js";
import type { Components } from "../nunjucks/components.js";
import type { HtmlMaker } from "../nunjucks/html.js";
import { Outbox } from "../publisher/outbox/outbox.js";
import { Drafts } from "../publisher/publish/drafts.js";
import { Models } from "../publisher/publish/models.js";
import { Publisher } from "../publisher/publish/publisher.js";
import { TopicReader } from "../publisher/publish/topic-reader.js";
import { ApplicationUpdates } from "../publisher/streams/application-updates.js";
import { Authorizer } from "../publisher/streams/authorizer.js";
import { HandmadeTokens } from "../publisher/streams/handmade-tokens.js";
import { RenderContexts } from "../publisher/streams/render-context.js";
import type { StreamLimits } from "../publisher/streams/stream-limits.js";
import { createStreamParts } from "../publisher/streams/stream-parts.js";
import { Tokens } from "../publisher/streams/tokens.js";
import { UnboundStreams } from "../publisher/streams/unbound-streams.js";
import { Viewer } from "../publisher/streams/viewer.js";
import { watchedTopics } from "../publisher/streams/watched-topics.js";
import type { Clock } from "../shared/clock.js";
import { assembleHub, embedOwnHub, type HubAssembly, hubClockOf } from "./assemble-hub.js";
import { assembleTemplates } from "./assemble-templates.js";
import { Assets } from "./assets.js";
import { AuthzCookies } from "./authz-cookies.js";
import { BasePath } from "./base-path.js";
import { SessionReminder } from "./check-application.js";
import type { Configuration } from "./configuration.js";
import { createSse } from "./create-sse.js";
import { publicPathsOf } from "./public-paths.js";
import { Renewal } from "./renewal.js";
import { ResponsePages } from "./response-pages.js";
import { ResponseViewer } from "./response-viewer.js";
import { SharedStreams } from "./shared-streams.js";
import type { Sse } from "./sse.js";
import { StreamRoutes } from "./stream-routes.js";
import { ViewerGrants } from "./viewer-grants.js";

/** The parts of a kit. */
export interface KitParts extends HubAssembly {
  readonly configuration: Configuration;
  readonly sse: Sse;
  /** Undefined without the option `outbox`. */
  readonly outbox: Outbox | undefined;
  readonly environment: Environment;
  readonly components: Components;
  readonly html: HtmlMaker;
  readonly assets: Assets;
  readonly pages: RenderContexts;
  readonly unbound: UnboundStreams;
  readonly responsePages: ResponsePages;
  readonly cookies: AuthzCookies;
  readonly renewal: Renewal | undefined;
  readonly shared: SharedStreams | undefined;
  readonly sessionReminder: SessionReminder;
  /** Prints a hint for the developer. Silent in production. */
  readonly hint: (message: string) => void;
}

/** Creates the parts of a kit, each from the parts above it. The application itself stays unchanged. */
export function assemble(app: Application, configuration: Configuration, clock: Clock): KitParts {
  const { keepaliveInterval } = configuration.hub;
  const { development, logger, protocol, tokenMode, typeIsTopic } = configuration;
  const hint = (message: string) => {
    if (development) logger.warn(message);
  };
  const warn = (message: string) => logger.warn(message);
  const onError = (message: string, error: unknown) => logger.error(`htmx-mercure: ${message}`, error);

  const pages = new RenderContexts();
  const unbound = new UnboundStreams(pages);
  const models = new Models();
  const topics = new TopicReader(models, protocol);
  const sessionReminder = new SessionReminder(hint);
  const authorizer = authorizerOf(configuration, sessionReminder);
  const embedded = configuration.hubUrl === undefined ? embedOwnHub(configuration, authorizer, clock) : undefined;
  const hubClock = hubClockOf(clock, embedded);
  const tokens = new Tokens(configuration, hubClock, () => pages.current?.beganAt);
  const hubParts = assembleHub({ configuration, clock, pages, tokens, embedded, onError });
  const { hub, variants, presence } = hubParts;

  const paths = publicPathsOf(configuration);
  const basePath = new BasePath({
    app,
    publicPath: configuration.publicPath,
    isFromHubUrl: configuration.isPublicPathFromHubUrl,
  });
  const cookies = new AuthzCookies({
    name: configuration.authzCookieName,
    domain: configuration.authzCookieDomain,
    basePath,
    hubPath: embedded && paths.hub,
    // An empty subject stands for an anonymous visitor, as in tokens.
    subjectOf: (request) => {
      const subject: unknown = configuration.subjectGetter?.(request);
      return subject === null || subject === "" ? undefined : subject;
    },
    handmadeGrant: handmadeGrant(configuration.subscriberSecretKey),
    sign: (text) => tokens.mark(text),
    warn,
  });
  const responsePages = new ResponsePages({
    pages,
    unbound,
    cookies,
    basePath,
    hint,
    lastEventId: () => hub.lastEventId,
    now: () => hubClock.now(),
  });
  const viewer = new Viewer({
    pages,
    authorizer,
    hubPath: hub.path,
    payloadOf: (names, request) => configuration.payloadGetter?.(names, request as Request | undefined),
    subjectOf: (request) => configuration.subjectGetter?.(request as Request),
  });
  const isShared = embedded !== undefined && configuration.shareConnections;
  const markOf = (request: unknown) => (request === undefined ? undefined : cookies.viewerMark(request as Request));
  const viewers = new ResponseViewer(viewer, responsePages);

  const streamLimits = streamLimitsOf(configuration);
  const streams = createStreamParts({
    hub,
    protocol,
    topics,
    viewer,
    tokens,
    tokenMode,
    variants,
    streamLimits,
    pages,
    unbound,
    presence,
    allowAnonymous: configuration.hub.allowAnonymous,
    basePath: () => basePath.fixed,
    renewalPath: configuration.authorize && paths.renewal,
    viewerMark: isShared ? () => markOf(pages.current?.request) : undefined,
  });
  const shared = isShared ? paths.shared : undefined;
  const assets = new Assets(configuration.assetsPath, configuration.htmx, configuration, shared);
  // In development the process restarts often, and has one visitor.
  if (!development) void assets.compress();
  const templates = assembleTemplates({ configuration, streams, models, pages, assets, basePath, hint, onError });

  const { components: renderer } = templates;
  const drafts = new Drafts({ models, renderer, tokens, unbound, typeIsTopic });
  const outbox = configuration.outbox && new Outbox(configuration.outbox, hub, logger);
  const publisher = new Publisher({ hub, outbox, topics, drafts, models, variants, tokens, streamLimits, onError });
  const handmade = new HandmadeTokens({ topics, protocol, streamLimits, tokens, unbound, variants });
  const sse = createSse({
    publisher,
    models,
    streams,
    updates: new ApplicationUpdates({ hub, topics, variants }),
    tokens: handmade,
    grants: new ViewerGrants({ topics, authorizer, hubPath: hub.path, tokens: handmade, cookies, viewers }),
    routes: new StreamRoutes({ hub, topics, responsePages, viewers }),
  });
  const renewal =
    configuration.authorize &&
    new Renewal({
      path: configuration.renewalPath,
      origins: paths.origins,
      warn,
      tokens,
      authorizer,
      cookies,
      viewers,
      topicsOf: (granted) =>
        watchedTopics(
          hub.path,
          granted.map(({ text }) => text),
        ),
    });
  return {
    ...hubParts,
    ...templates,
    configuration,
    sse,
    outbox,
    assets,
    pages,
    unbound,
    responsePages,
    cookies,
    renewal,
    shared: isShared ? new SharedStreams({ embedded, cookies, origins: paths.origins, keepaliveInterval }) : undefined,
    sessionReminder,
    hint,
  };
}

function authorizerOf({ authorize }: Configuration, reminder: SessionReminder): Authorizer {
  return new Authorizer(
    authorize &&
      ((request: Request, topics, action) => {
        reminder.check(request);
        return authorize(request, topics, action);
      }),
  );
}

function streamLimitsOf({ hub, resource, maxStreamUrlBytes }: Configuration): StreamLimits {
  return {
    matchers: matcherLimitsOf(hub),
    grants: tokenLimitsOf(hub),
    hubUrl: new URL(resource, "https://hub.invalid").href,
    urlBytes: maxStreamUrlBytes,
  };
}
