import type { Application, Response } from "express";
import type { Components } from "../nunjucks/components.js";

/**
 * Gives the responses of an application `component`, and has them render for their own request.
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
  const { render } = responses;
  responses.render = function (this: Response, ...args: unknown[]) {
    within(this, () => Reflect.apply(render, this, args));
  } as Response["render"];
  responses.component = function (this: Response, name: string, props?: object) {
    const html = within(this, () => components.render(name, props));
    return this.vary("HX-Request").type("html").send(String(html));
  };
}
