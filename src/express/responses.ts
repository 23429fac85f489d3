import type { Application, Response } from "express";
import type { Components } from "../nunjucks/components.js";
import { isSafeString } from "../nunjucks/safe-string.js";

/**
 * Gives the responses of an application `component`, has them render for their own request, and send what was rendered.
 *
 * @param within - Does work within what a request set off, or what was set off with its response where the context was
 * lost.
 */
export function extendResponses(
  app: Application,
  components: Components,
  within: <T>(response: Response, work: () => T) => T,
): void {
  // The prototype of the application's responses, which Express documents and its types leave out.
  const { response: responses } = app as Application & { response: Response };
  const { render, send } = responses;
  responses.render = function (this: Response, ...args: unknown[]) {
    within(this, () => Reflect.apply(render, this, args));
  } as Response["render"];
  responses.send = function (this: Response, body?: unknown) {
    // Express takes objects for JSON, and HTML from a template is one.
    return Reflect.apply(send, this, [isSafeString(body) ? String(body) : body]);
  } as Response["send"];
  responses.component = function (this: Response, name: string, props?: object) {
    const html = within(this, () => components.render(name, props));
    return this.vary("HX-Request").type("html").send(html);
  };
}
