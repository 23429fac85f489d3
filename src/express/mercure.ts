import type { Application, NextFunction, Request, Response } from "express";
import { type Clock, systemClock } from "../clock.js";
import { admitsRequest } from "../hub/pipelining.js";
import { Components } from "../nunjucks/components.js";
import { createEnvironment } from "../nunjucks/environment.js";
import { addGlobals } from "../nunjucks/globals.js";
import { HtmlMaker } from "../nunjucks/html.js";
import { StreamTags, warnOfConnections } from "../nunjucks/stream-tags.js";
import { type Configuration, type MercureOptions, resolveOptions } from "../options.js";
import { hubLink } from "../protocol/hub-link.js";
import { ExternalHub } from "../publisher/external-hub.js";
import { HubAddress } from "../publisher/hub-address.js";
import { Models } from "../publisher/models.js";
import { type Page, Pages } from "../publisher/page.js";
import { Permissions } from "../publisher/permissions.js";
import { Tokens } from "../publisher/tokens.js";
import { Variants } from "../publisher/variants.js";
import { Assets } from "./assets.js";
import { AuthzCookies } from "./authz-cookies.js";
import { keepOutOfCaches } from "./caches.js";
import { checkApplication, ScriptsReminder, SessionReminder } from "./check-application.js";
import { embedHub } from "./embedded-hub.js";
import { type Kit, withHub } from "./kit.js";
import { mountPathOf } from "./mount-path.js";
import { presenceOf } from "./presence-of.js";
import { Renewal } from "./renewal.js";
import { extendResponses } from "./responses.js";
import { Sse } from "./sse.js";
import { useTemplates } from "./view-engine.js";

/**
 * Makes an Express application live: serves the hub and the kit's scripts, renders templates with the kit's tags, and
 * gives responses `res.component(name, props)`. Call it before the routes.
 *
 * @throws MercureError `ERR_OPTION` for an unknown or impossible option, and in production without a secret;
 * `ERR_COMPONENT` when a component exists twice.
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
  const pages = new Pages();
  const models = new Models();
  const assets = new Assets(configuration.assetsPath);
  const tokens = new Tokens(configuration, clock);
  const sessionReminder = new SessionReminder(hint);
  const { authorize } = configuration;
  const permissions = new Permissions(
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
      permissions.ask(request as Request, sse.watchedTopics(topics), "connect"));
  const embedded = configuration.hubUrl === undefined ? embedHub(configuration, authorizeStream, clock) : undefined;
  const hub =
    embedded?.hub ??
    new ExternalHub({
      address: new HubAddress({ ...configuration, url: configuration.hubUrl!, path: configuration.hub.path }),
      protocol: configuration.protocol,
      tokens,
      requestOrigin: () => pages.current?.origin,
      onError,
    });
  const variants = new Variants({
    clock,
    lifetime: configuration.tokenLifetime,
    areAllKnown: embedded !== undefined && configuration.hub.subscriptions,
  });
  const presence =
    embedded &&
    presenceOf(embedded.hub, configuration, {
      clock,
      subscriptions: (topic) => sse.listSubscriptions(topic),
      onError,
    });
  embedded?.hub.onSubscription((subscription, isPrivate) => variants.hear(subscription, isPrivate));
  const environment =
    configuration.environment ??
    createEnvironment({ templates: [...configuration.templates, ...configuration.components], development });

  const publicPath = new URL(configuration.publicHubUrl, "http://relative").pathname;
  const cookies = new AuthzCookies({
    name: configuration.authzCookieName,
    domain: configuration.authzCookieDomain,
    hubPath: embedded && publicPath,
    warn: (message) => logger.warn(message),
  });
  const sse: Sse = new Sse(
    {
      hub,
      protocol: configuration.protocol,
      tokens,
      presence,
      variants,
      tokenMode: configuration.tokenMode,
      permissions,
      renewalPath: authorize && renewalPathSeen(configuration, publicPath),
      models,
      pages,
      renderer: { has: (name) => components.has(name), render: (name, props) => components.render(name, props) },
      publicHubUrl: configuration.publicHubUrl,
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
  );
  const renewal =
    authorize &&
    new Renewal({
      path: configuration.renewalPath,
      tokens,
      permissions,
      cookies,
      topicsOf: (granted) => sse.watchedTopics(granted.map(({ text }) => text)),
      payloadOf: (topics) => sse.payloadOf(topics),
      subjectOf: () => sse.subjectOf(),
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
  });
  const htmlMaker = new HtmlMaker(components.makeSafe);
  addGlobals(environment, {
    publisher: sse,
    components,
    scripts: (scriptOptions) => {
      const page = pages.current;
      if (page !== undefined) page.hasScripts = true;
      return components.renderKitTemplate("scripts.njk", assets.tags(page?.mountPath ?? "", scriptOptions));
    },
  });
  if (configuration.environment === undefined) useTemplates(app, environment, configuration.templates, components);

  const pageOf = new WeakMap<Response, Page>();
  extendResponses(app, components, (response, work) => {
    const page = pages.current === undefined ? pageOf.get(response) : undefined;
    return page === undefined ? work() : pages.run(page, work);
  });

  app.use((request: Request, response: Response, next: NextFunction) => {
    if (!admitsRequest(request, response)) return;
    const isRenewal = renewal?.isFor(request) ?? false;
    if (!isRenewal && embedded?.isFor(request)) {
      cookies.prune(response);
      embedded.hub.handle(request, response);
      return;
    }
    if (assets.serve(request.path, request, response)) return;
    const origin = `${request.protocol}://${request.host ?? ""}`;
    const enter = () => {
      const { lastEventId } = hub;
      let isLinked = false;
      const page: Page = {
        lastEventId,
        mountPath: mountPathOf(request.baseUrl),
        origin,
        url: request.originalUrl,
        request,
        connections: 0,
        hasScripts: false,
        onStream: (hubUrl) => {
          if (isLinked || response.headersSent) return;
          isLinked = true;
          response.append("Link", hubLink(hubUrl, lastEventId));
        },
        onToken: () => keepOutOfCaches(response),
        keepToken: (grant, granted, sign) => cookies.keep(response, grant, granted, sign),
      };
      sessionReminder.watch(request);
      pageOf.set(response, page);
      scriptsReminder.watch(request, response, page);
      pages.run(page, () => {
        if (isRenewal) renewal!.handle(request, response).catch(next);
        else next();
      });
    };
    const beginning = hub instanceof ExternalHub ? hub.begin(origin) : undefined;
    if (beginning === undefined) enter();
    else void beginning.then(enter);
  });

  const kit: Omit<Kit, "hub"> = {
    sse,
    render: (name, props) => components.render(name, props),
    components: components.namespace,
    html: htmlMaker.html,
    oob: htmlMaker.oob,
    environment,
    close: () => {
      presence?.close();
      return (embedded ?? hub).close();
    },
  };
  return withHub(kit, embedded?.hub);
}

/** Behind a proxy that shows the hub under another path, what is below the hub is there too. */
function renewalPathSeen({ renewalPath, hubUrl, hub }: Configuration, publicPath: string): string {
  const isBelow = hubUrl === undefined && renewalPath.startsWith(`${hub.path}/`);
  return isBelow ? publicPath + renewalPath.slice(hub.path.length) : renewalPath;
}
