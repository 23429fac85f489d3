import type { Application, Response } from "express";
import type { Components } from "../nunjucks/components.js";
import { isSafeString } from "../nunjucks/safe-string.js";
import type { UnboundStreams } from "../publisher/unbound-streams.js";
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
    responsePages.within(this, () => Reflect.apply(render, this, args));
  } as Response["render"];
  responses.send = function (this: Response, body?: unknown) {
    // Express takes objects for JSON, and HTML from a template is one.
    const text = isSafeString(body) ? String(body) : body;
    return sending(this, text, this, (bound) => Reflect.apply(send, this, [bound]));
  } as Response["send"];
  responses.write = function (this: Response, chunk: unknown, ...rest: unknown[]) {
    return sending(this, chunk, false, (bound) => Reflect.apply(write, this, [bound, ...rest]));
  } as Response["write"];
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

/** Hands an error to the application's own handlers, as Express does with those of `res.render`. */
function handOn(response: Response, error: unknown): void {
  if (response.req.next === undefined) throw error;
  response.req.next(error);
}
