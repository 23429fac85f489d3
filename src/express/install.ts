import type { Application, NextFunction, Request, Response } from "express";
import { hasBegun, responseBegun } from "../hub/http/begun-response.js";
import { admitsRequest } from "../hub/streams/pipelining.js";
import { resumeWith } from "../nunjucks/resume-with.js";
import { grantParameter } from "../protocol/tokens/authz-cookies.js";
import type { KitParts } from "./assemble.js";
import { keepParsersFrom } from "./body-parsers.js";
import { ScriptsReminder } from "./check-application.js";
import { publicPathsOf } from "./public-paths.js";
import { RefusalLog } from "./refusal-log.js";
import { originOf } from "./response-pages.js";
import { extendResponses } from "./responses.js";
import { useTemplates } from "./view-engine.js";

/** Installs a kit in its application: templates, responses, the hub, the scripts and the requests of pages. */
export function install(app: Application, parts: KitParts): void {
  const { configuration, environment, components, embedded, pages, hint } = parts;
  if (configuration.environment === undefined) useTemplates(app, environment, configuration.templates, components);
  extendResponses(app, parts);
  resumeWith(environment, (callback) => pages.bind(callback));
  if (embedded !== undefined) {
    keepParsersFrom(app, (request) => embedded.isFor(request));
    const refusals = new RefusalLog(publicPathsOf(configuration).origins, hint);
    if (configuration.development)
      embedded.hub.onRefusal((request, refusal) => refusals.add(request as Request, refusal));
  }
  app.use(requestHandler(parts));
}

/**
 * Returns the handler that answers the library's own requests, and records each other request for the page that it
 * renders.
 */
function requestHandler(parts: KitParts) {
  const { hub, embedded, renewal, shared, cookies, assets, pages, responsePages, sessionReminder, hint } = parts;
  const scriptsReminder = new ScriptsReminder(hint);
  return (request: Request, response: Response, next: NextFunction): void => {
    if (!admitsRequest(request, response)) return;
    const renewing = renewal?.isFor(request) ? renewal : undefined;
    if (shared?.isFor(request)) {
      shared.handle(request, response).catch(next);
      return;
    }
    if (renewing === undefined && embedded?.isFor(request)) {
      cookies.keepFromOthers(request);
      cookies.prune(response, request.query[grantParameter]);
      embedded.hub.handle(request, response, next);
      return;
    }
    const isOwn = renewing !== undefined || assets.isFor(request);
    if (isOwn && hasBegun(response)) {
      next(responseBegun("mercure()"));
      return;
    }
    if (renewing === undefined && isOwn) {
      assets.serve(request, response);
      return;
    }
    const enter = () => {
      const page = responsePages.begin(response, request.baseUrl);
      cookies.begin(request);
      sessionReminder.watch(request);
      scriptsReminder.watch(request, response, page);
      pages.enter(page, () => {
        if (renewing === undefined) next();
        else renewing.handle(request, response).catch(next);
      });
    };
    const ready = hub.begin(originOf(request));
    if (ready === undefined) enter();
    else ready.then(enter).catch(next);
  };
}
