import type { Application, Response } from "express";
import { writesLike } from "../hub/streams/connection.js";
import type { Components } from "../nunjucks/components.js";
import { isSafeString } from "../nunjucks/safe-string.js";
import type { UnboundStreams } from "../publisher/streams/unbound-streams.js";
import type { ResponsePages } from "./response-pages.js";

export interface ResponseExtensions {
  readonly components: Components;
  readonly responsePages: ResponsePages;
  readonly unbound: UnboundStreams;
}

/**
 * Adds `component` to an application's responses, and makes them render for their own request. HTML that was rendered
 * without a response is bound to the request of the response that sends it.
 */
export function extendResponses(app: Application, { components, responsePages, unbound }: ResponseExtensions): void {
  // The prototype of the application's responses. Express documents it, but its types lack it.
  const { response: responses } = app as Application & { response: Response };
  const { render, send, write, end } = responses;

  /** Binds a body and sends it, or passes the error of binding to the application. */
  function sending<T>(response: Response, body: unknown, otherwise: T, work: (body: unknown) => T): T {
    let bound: unknown;
    try {
      bound = unbound.bind(body, () => responsePages.of(response));
    } catch (error) {
      handOn(response, error);
      return otherwise;
    }
    return work(bound);
  }

  responses.render = function (this: Response, ...args: unknown[]) {
    const given = args.findIndex((arg) => typeof arg === "function");
    const callback = given < 0 ? undefined : (args[given] as RenderCallback);
    const rest = given < 0 ? args : args.slice(0, given);
    responsePages.within(this, () =>
      Reflect.apply(render, this, [...rest, afterRendering(this, components, callback)]),
    );
  } as Response["render"];
  responses.send = function (this: Response, body?: unknown) {
    // Express would send HTML from a template as JSON, since a safe string is an object.
    const text = isSafeString(body) ? String(body) : body;
    return sending(this, text, this, (bound) => Reflect.apply(send, this, [bound]));
  } as Response["send"];
  responses.write = function (this: Response, chunk: unknown, ...rest: unknown[]) {
    return sending(this, chunk, false, (bound) => Reflect.apply(write, this, [bound, ...rest]));
  } as Response["write"];
  // The hub can write its streams' bytes to the socket directly.
  writesLike(responses.write, write);
  responses.end = function (this: Response, chunk?: unknown, ...rest: unknown[]) {
    return sending(this, chunk, this, (bound) => Reflect.apply(end, this, [bound, ...rest]));
  } as Response["end"];
  responses.component = function (this: Response, name: string, props?: object) {
    let html: unknown;
    try {
      html = responsePages.within(this, () => components.render(name, props));
    } catch (error) {
      // An exception in the callback of a pooled connection would end the process.
      handOn(this, error);
      return this;
    }
    return this.vary("HX-Request").type("html").send(html);
  };
}

type RenderCallback = (error: Error | null, html?: string) => void;

/**
 * Returns a callback that sends the rendered page, once, as Express does. Nunjucks calls it in a later task. An
 * exception there would end the process, for instance when the response was already sent.
 */
function afterRendering(
  response: Response,
  components: Components,
  callback: RenderCallback | undefined,
): RenderCallback {
  let isDone = false;
  return (error, html) => {
    if (isDone) return;
    isDone = true;
    try {
      const original = error && (components.originalOf(error) as Error);
      if (callback !== undefined) callback(original, html);
      else if (original) handOn(response, original);
      else response.send(html);
    } catch (failure) {
      handOn(response, failure);
    }
  };
}

/** Passes an error to the application's error handlers, as Express does for `res.render`. */
function handOn(response: Response, error: unknown): void {
  if (response.req.next === undefined) throw error;
  response.req.next(error);
}
