import type { Application, NextFunction, Request, RequestHandler, Response } from "express";

/** Names of the functions of body-parser, which `express.json()` and its siblings return too. */
const parsers = new Set(["urlencodedParser", "textParser", "rawParser", "jsonParser"]);

interface Layer {
  readonly name: string;
  readonly slash: boolean;
  handle: RequestHandler;
}

/**
 * Makes body parsers that run before the library skip the hub's requests. The hub reads bodies itself, after
 * authentication and with its own limits. A parser would reject a body above 100 kB with an error page of its own.
 */
export function keepParsersFrom(app: Application, isForHub: (request: Request) => boolean): void {
  for (const layer of (app as Application & { router: { stack: Layer[] } }).router.stack) {
    // A parser mounted on a path sees another path than the hub.
    if (!layer.slash || !parsers.has(layer.name)) continue;
    const parse = layer.handle;
    layer.handle = (request: Request, response: Response, next: NextFunction) =>
      isForHub(request) ? next() : parse(request, response, next);
  }
}
