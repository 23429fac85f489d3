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
 * Gives the responses of an application `component`, has them render for their own request, and binds to it what was
 * rendered without a response and is sent by this one.
 */
export function extendResponses(app: Application, { components, responsePages, unbound }: ResponseExtensions): void {
  // The prototype of the application's responses, which Express documents and its types leave out.
  const { response: responses } = app as Application & { response: Response };
  const { render, send, write, end } = responses;

  /** Does what a response does with its body, or hands the error of binding it to the application. */
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
    // Express takes objects for JSON, and HTML from a template is one.
    const text = isSafeString(body) ? String(body) : body;
    return sending(this, text, this, (bound) => Reflect.apply(send, this, [bound]));
  } as Response["send"];
  responses.write = function (this: Response, chunk: unknown, ...rest: unknown[]) {
    return sending(this, chunk, false, (bound) => Reflect.apply(write, this, [bound, ...rest]));
  } as Response["write"];
  // Streams are bytes: the hub may write those to the socket itself.
  writesLike(responses.write, write);
  responses.end = function (this: Response, chunk?: unknown, ...rest: unknown[]) {
    return sending(this, chunk, this, (bound) => Reflect.apply(end, this, [bound, ...rest]));
  } as Response["end"];
  responses.component = function (this: Response, name: string, props?: object) {
    let html: unknown;
    try {
      html = responsePages.within(this, () => components.render(name, props));
    } catch (error) {
      // Thrown into the callback of a pooled connection it would end the process.
      handOn(this, error);
      return this;
    }
    return this.vary("HX-Request").type("html").send(html);
  };
}

type RenderCallback = (error: Error | null, html?: string) => void;

/**
 * Takes what was rendered, once, as Express does. Nunjucks calls back in a later task, where an exception, such as that of
 * a response that somebody has answered meanwhile, would end the process.
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

/** Hands an error to the application's own handlers, as Express does with those of `res.render`. */
function handOn(response: Response, error: unknown): void {
  if (response.req.next === undefined) throw error;
  response.req.next(error);
}
