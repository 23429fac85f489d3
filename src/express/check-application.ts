import type { Application, Request, Response } from "express";
import type { RenderContext } from "../publisher/streams/render-context.js";
import { MercureError } from "../shared/errors.js";
import type { Configuration } from "./configuration.js";

const live = new WeakSet<Application>();

/**
 * Checks whether an application can be made live, and warns if it has routes already.
 *
 * @throws MercureError `ERR_OPTION` for a value that is not an Express application, for Express 4 or older, and for an
 * application that already has a kit: its pages would subscribe to one hub while updates go to another.
 */
export function checkApplication(
  app: Application,
  { development, logger }: Pick<Configuration, "development" | "logger">,
): void {
  if (typeof app?.use !== "function" || typeof app.set !== "function") {
    throw new MercureError("ERR_OPTION", "mercure() takes an Express application: mercure(express(), options).");
  }
  if (isBeforeExpress5(app)) {
    throw new MercureError(
      "ERR_OPTION",
      "mercure() needs Express 5, but this application uses Express 4 or older. Run: npm install express@5. " +
        "Migration guide: https://expressjs.com/en/guide/migrating-5.html.",
    );
  }
  if (live.has(app))
    throw new MercureError("ERR_OPTION", "mercure() was already called for this application. Call it once.");
  live.add(app);
  if (!development || !hasRoutes((app as Application & { router: RouterLike }).router)) return;
  logger.warn(
    "htmx-mercure: mercure() was called after routes, a router with routes, or a sub-application. Their pages can miss " +
      "updates published while they render, and cannot have private streams. Call mercure() before all of them.",
  );
}

/** Whether an application is older than Express 5. Express 4 throws on reading `app.router`; in 5 it is a function. */
function isBeforeExpress5(app: Application): boolean {
  try {
    return typeof (app as Application & { readonly router?: unknown }).router !== "function";
  } catch {
    return true;
  }
}

/** The part of a router that Express documents but its types lack. */
interface RouterLike {
  readonly stack?: readonly {
    readonly name?: string;
    readonly route?: unknown;
    readonly handle?: unknown;
  }[];
}

/** Whether a router, or one mounted in it, has routes. A sub-application is recognised by its layer's name only. */
function hasRoutes({ stack }: RouterLike, seen = new Set<unknown>()): boolean {
  if (!Array.isArray(stack) || seen.has(stack)) return false;
  seen.add(stack);
  return stack.some(
    ({ name, route, handle }) =>
      route !== undefined || name === "mounted_app" || (typeof handle === "function" && hasRoutes(handle, seen)),
  );
}

/** Properties that session and sign-in middleware adds to a request. */
const sessionNames = ["session", "user", "auth", "cookies", "signedCookies", "oidc"];

/** Warns, once, if `authorize` sees session properties on a page's request that the hub's requests lack. */
export class SessionReminder {
  readonly #warn: (message: string) => void;
  readonly #lacking = new WeakMap<Request, readonly string[]>();
  #said = false;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** Notes the session properties that a request lacks when it reaches `mercure()`. */
  watch(request: Request): void {
    if (!this.#said)
      this.#lacking.set(
        request,
        sessionNames.filter((name) => !(name in request)),
      );
  }

  /** Warns if a lacking property is present when `authorize` is called. */
  check(request: Request): void {
    const late = this.#lacking.get(request)?.find((name) => name in request);
    if (this.#said || late === undefined) return;
    this.#said = true;
    this.#warn(
      `htmx-mercure: authorize sees req.${late} for a page, but not for the hub's requests: call mercure() ` +
        "after the session and sign-in middleware, and before all routes.",
    );
  }
}

/** Warns, once, if a whole page with a stream was sent without the library's scripts. */
export class ScriptsReminder {
  readonly #warn: (message: string) => void;
  #said = false;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  watch(request: Request, response: Response, page: RenderContext): void {
    if (this.#said || request.get("HX-Request") !== undefined) return;
    response.once("finish", () => {
      if (this.#said || page.connections === 0 || page.hasScripts || response.statusCode >= 400) return;
      this.#said = true;
      this.#warn(`htmx-mercure: ${page.url} has a stream but no scripts: add {{ mercure_scripts() }} to its head.`);
    });
  }
}
