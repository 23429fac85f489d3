import type { Application, NextFunction, Request, RequestHandler, Response } from "express";

/** The functions that body-parser makes, which is also what `express.urlencoded()` and its like are. */
const parsers = new Set(["urlencodedParser", "textParser", "rawParser", "jsonParser"]);

interface Layer {
  readonly name: string;
  readonly slash: boolean;
  handle: RequestHandler;
}

/**
 * Keeps the body parsers that an application has before the kit away from the hub's requests: the hub reads bodies
 * itself, after it knows who asks, and by its own limits. A parser would refuse more than 100 kB with a page of its own.
 */
export function keepParsersFrom(app: Application, isForHub: (request: Request) => boolean): void {
  for (const layer of (app as Application & { router: { stack: Layer[] } }).router.stack) {
    // Below a path of its own, a parser sees another path than the hub.
    if (!layer.slash || !parsers.has(layer.name)) continue;
    const parse = layer.handle;
    layer.handle = (request: Request, response: Response, next: NextFunction) =>
      isForHub(request) ? next() : parse(request, response, next);
  }
}
