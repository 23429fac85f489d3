import type { Application, NextFunction, Request, Response } from "express";
import { handmadeGrant } from "../hub/auth/handmade-grant.js";
import { matcherLimitsOf, tokenLimitsOf } from "../hub/limits/hub-limits.js";
import { admitsRequest } from "../hub/streams/pipelining.js";
import { Components } from "../nunjucks/components.js";
import { createEnvironment } from "../nunjucks/environment.js";
import { addGlobals } from "../nunjucks/globals.js";
import { HtmlMaker } from "../nunjucks/html.js";
import { resumeWith } from "../nunjucks/resume-with.js";
import { StreamTags, warnOfConnections } from "../nunjucks/stream-tags.js";
import { grantParameter } from "../protocol/tokens/authz-cookies.js";
import { EmbeddedHubPort } from "../publisher/hub/embedded-hub-port.js";
import type { HubPort } from "../publisher/hub/hub-port.js";
import { pathBelow } from "../publisher/path-below.js";
import { Models } from "../publisher/publish/models.js";
import { Variants } from "../publisher/publish/variants.js";
import { HubAddress } from "../publisher/remote/hub-address.js";
import { RemoteHub } from "../publisher/remote/remote-hub.js";
import { Authorizer } from "../publisher/streams/authorizer.js";
import { RenderContexts } from "../publisher/streams/render-context.js";
import type { StreamLimits } from "../publisher/streams/stream-limits.js";
import { Tokens } from "../publisher/streams/tokens.js";
import { UnboundStreams } from "../publisher/streams/unbound-streams.js";
import { type Clock, systemClock } from "../shared/clock.js";
import { Assets } from "./assets.js";
import { AuthzCookies } from "./authz-cookies.js";
import { BasePath } from "./base-path.js";
import { keepParsersFrom } from "./body-parsers.js";
import { checkApplication, ScriptsReminder, SessionReminder } from "./check-application.js";
import { type Configuration, resolveOptions } from "./configuration.js";
import { embedHub } from "./embedded-hub.js";
import { type Kit, withHub } from "./kit.js";
import type { MercureOptions } from "./options.js";
import { presenceOf } from "./presence-of.js";
import { RefusalLog } from "./refusal-log.js";
import { Renewal } from "./renewal.js";
import { originOf, ResponsePages } from "./response-pages.js";
import { extendResponses } from "./responses.js";
import { Sse } from "./sse.js";
import { useTemplates } from "./view-engine.js";

/**
 * Makes an Express application live and returns its kit. It serves the hub and the kit's scripts, renders templates
 * with the kit's tags, and adds `res.component(name, props)` to responses. Call it once, before the routes. Call
 * `kit.close()` at shutdown.
 *
 * @throws MercureError `ERR_OPTION` for an unknown or invalid option, for a missing secret in production, and for an
 * application that is not Express 5 or already has a kit; `ERR_COMPONENT` if a component exists twice.
 * @example
 * ```ts
 * import express from "express";
 * import { mercure } from "htmx-mercure";
 *
 * const app = express();
 * const { sse, render } = mercure(app);
 * app.post("/messages", async (req, res) => {
 *   await sse.publish("messages", render("ChatMessage", { text: "hello" }));
 *   res.sendStatus(204);
 * });
 * app.listen(3000);
 * ```
 */
export function mercure(app: Application, options?: MercureOptions): Kit;
/** @internal */
export function mercure(app: Application, options?: MercureOptions, clock?: Clock): Kit;
export function mercure(app: Application, options: MercureOptions = {}, clock = systemClock): Kit {
  const configuration = resolveOptions(options);
  const { development, logger, typeIsTopic } = configuration;
  const hint = (message: string) => {
    if (development) logger.warn(message);
  };
  checkApplication(app, hint);
  const scriptsReminder = new ScriptsReminder(hint);
  const pages = new RenderContexts();
  const unbound = new UnboundStreams(pages);
  const models = new Models();
  const assets = new Assets(configuration.assetsPath);
  // Development restarts often, and has one visitor.
  if (!configuration.development) void assets.compress();
  // Orders to disconnect carry the time of the hub's store, which is not this machine's.
  const now = () => clock.now() + hub.now() - Date.now();
  const tokens = new Tokens(configuration, { ...clock, now }, () => pages.current?.beganAt);
  const sessionReminder = new SessionReminder(hint);
  const { authorize } = configuration;
  const permissions = new Authorizer(
    authorize &&
      ((request: Request, topics, action) => {
        sessionReminder.check(request);
        return authorize(request, topics, action);
      }),
  );
  const onError = (message: string, error: unknown) => logger.error(`htmx-mercure: ${message}`, error);
  const authorizeStream =
    authorize &&
    ((request: unknown, topics: readonly string[]) =>
      permissions.authorize(request as Request, sse.watchedTopics(topics), "connect"));
  const embedded = configuration.hubUrl === undefined ? embedHub(configuration, authorizeStream, clock) : undefined;
  const variants = new Variants({
    clock,
    lifetime: configuration.tokenLifetime,
    areAllKnown: embedded !== undefined && configuration.hub.subscriptions,
  });
  const { publicHubUrl } = configuration;
  const hub: HubPort =
    embedded === undefined
      ? new RemoteHub({
          address: new HubAddress({ ...configuration, url: configuration.hubUrl!, path: configuration.hub.path }),
          publicHubUrl,
          protocol: configuration.protocol,
          tokens,
          requestOrigin: () => pages.origin,
          onError,
        })
      : new EmbeddedHubPort({ hub: embedded.hub, publicHubUrl, variants, close: embedded.close });
  const presence =
    embedded &&
    presenceOf(embedded.hub, configuration, {
      clock,
      subscriptions: (topic) => sse.listSubscriptions(topic),
      onError,
    });
  embedded?.hub.onSubscription((subscription, isPrivate) => variants.onSubscriptionEvent(subscription, isPrivate));
  const environment =
    configuration.environment ??
    createEnvironment({ templates: [...configuration.templates, ...configuration.components], development });

  const basePath = new BasePath({
    app,
    publicPath: configuration.publicPath,
    isFromHubUrl: configuration.isPublicPathFromHubUrl,
  });
  const publicHubPath = new URL(configuration.publicHubUrl, "http://relative").pathname;
  const origins = URL.canParse(configuration.publicHubUrl) ? [new URL(configuration.publicHubUrl).origin] : [];
  const refusals = new RefusalLog(origins, hint);
  if (development) embedded?.hub.onRefusal((request, refusal) => refusals.add(request as Request, refusal));
  const cookies = new AuthzCookies({
    name: configuration.authzCookieName,
    domain: configuration.authzCookieDomain,
    basePath,
    hubPath: embedded && ((base) => pathBelow(base, publicHubPath, configuration.hub.path)),
    // An empty subject stands for an anonymous visitor, as in tokens.
    subjectOf: (request) => {
      const subject: unknown = configuration.subjectGetter?.(request);
      return subject === null || subject === "" ? undefined : subject;
    },
    handmadeGrant: handmadeGrant(configuration.subscriberSecretKey),
    sign: (text) => tokens.mark(text),
    warn: (message) => logger.warn(message),
  });
  const responsePages = new ResponsePages({
    pages,
    unbound,
    cookies,
    basePath,
    hint,
    lastEventId: () => hub.lastEventId,
    now,
  });
  const sse: Sse = new Sse(
    {
      hub,
      protocol: configuration.protocol,
      tokens,
      presence,
      variants,
      streamLimits: streamLimitsOf(configuration),
      tokenMode: configuration.tokenMode,
      permissions,
      renewalPath:
        authorize &&
        ((base) => pathBelow(base, renewalPathSeen(configuration, publicHubPath), configuration.renewalPath)),
      models,
      pages,
      unbound,
      renderer: { has: (name) => components.has(name), render: (name, props) => components.render(name, props) },
      basePath: () => basePath.fixed,
      allowAnonymous: configuration.hub.allowAnonymous,
      typeIsTopic,
      payloadOf: (topics) => configuration.payloadGetter?.(topics, pages.current?.request as Request | undefined),
      subjectOf: () => {
        const request = pages.current?.request as Request | undefined;
        return request && configuration.subjectGetter?.(request);
      },
      onError,
    },
    cookies,
    responsePages,
  );
  const renewal =
    authorize &&
    new Renewal({
      path: configuration.renewalPath,
      origins,
      warn: (message) => logger.warn(message),
      tokens,
      permissions,
      cookies,
      topicsOf: (granted) => sse.watchedTopics(granted.map(({ text }) => text)),
      identityOf: (response, topics) =>
        responsePages.within(response, () => ({ payload: sse.payloadOf(topics), subject: sse.subjectOf() })),
    });
  const streamTags = new StreamTags({
    publisher: sse,
    typeIsTopic,
    swapStyles: configuration.swapStyles,
    makeSafe: (html) => components.makeSafe(html),
    onConnection: () => warnOfConnections(pages.current, hint),
  });
  const components: Components = new Components({
    environment,
    folders: configuration.components,
    development,
    kit: streamTags.prepare,
    propsOf: (value) => models.propsOf(value),
    warn: (message) => logger.warn(message),
    onError: (error) => onError("a template failed after its rendering ended", error),
  });
  const htmlMaker = new HtmlMaker(components.makeSafe);
  addGlobals(environment, {
    publisher: sse,
    components,
    scripts: (scriptOptions) => {
      const page = pages.current;
      if (page !== undefined) page.hasScripts = true;
      const tags = assets.tags(page?.basePath ?? basePath.fixed, scriptOptions);
      return components.renderKitTemplate("scripts.njk", tags);
    },
  });
  if (configuration.environment === undefined) useTemplates(app, environment, configuration.templates, components);

  extendResponses(app, { components, responsePages, unbound });
  resumeWith(environment, (callback) => pages.bind(callback));

  if (embedded !== undefined) keepParsersFrom(app, (request) => embedded.isFor(request));
  app.use((request: Request, response: Response, next: NextFunction) => {
    if (!admitsRequest(request, response)) return;
    const isRenewal = renewal?.isFor(request) ?? false;
    if (!isRenewal && embedded?.isFor(request)) {
      cookies.keepFromOthers(request);
      cookies.prune(response, request.query[grantParameter]);
      embedded.hub.handle(request, response, next);
      return;
    }
    if (assets.serve(request.path, request, response)) return;
    const enter = () => {
      const page = responsePages.begin(response, request.baseUrl);
      cookies.begin(request);
      sessionReminder.watch(request);
      scriptsReminder.watch(request, response, page);
      pages.enter(page, () => {
        if (isRenewal) renewal!.handle(request, response).catch(next);
        else next();
      });
    };
    const beginning = hub.begin(originOf(request));
    if (beginning === undefined) enter();
    else beginning.then(enter).catch(next);
  });

  const kit: Omit<Kit, "hub"> = {
    sse,
    render: (name, props) => components.render(name, props),
    components: components.namespace,
    withResponse: (response, work) => responsePages.withResponse(response, work),
    html: htmlMaker.html,
    oob: htmlMaker.oob,
    environment,
    close: () => {
      presence?.close();
      return hub.close();
    },
  };
  return withHub(kit, embedded?.hub);
}

function streamLimitsOf({ hub, resource, maxStreamUrlBytes }: Configuration): StreamLimits {
  return {
    matchers: matcherLimitsOf(hub),
    grants: tokenLimitsOf(hub),
    hubUrl: new URL(resource, "https://hub.invalid").href,
    urlBytes: maxStreamUrlBytes,
  };
}

/** Returns the public renewal path. A proxy that moves the hub also moves the paths below it. */
function renewalPathSeen({ renewalPath, hubUrl, hub }: Configuration, publicHubPath: string): string {
  const isBelow = hubUrl === undefined && renewalPath.startsWith(`${hub.path}/`);
  return isBelow ? publicHubPath + renewalPath.slice(hub.path.length) : renewalPath;
}
