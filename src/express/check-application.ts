import type { Application, Request, Response } from "express";
import type { Page } from "../publisher/streams/render-context.js";
import { MercureError } from "../shared/errors.js";

const live = new WeakSet<Application>();

/**
 * Looks whether an application can be made live.
 *
 * @throws MercureError `ERR_OPTION` for what is no Express application, for one of Express 4 or older, and for one that
 * has a kit already: its pages would subscribe to one hub and hear from another.
 */
export function checkApplication(app: Application, warn: (message: string) => void): void {
  if (typeof app?.use !== "function" || typeof app.set !== "function") {
    throw new MercureError("ERR_OPTION", "mercure() takes an Express application: mercure(express(), options).");
  }
  if (isBeforeExpress5(app)) {
    throw new MercureError(
      "ERR_OPTION",
      "mercure() needs Express 5, and this application is of Express 4 or older. Install it: npm install express@5. " +
        "Its guide for the move: https://expressjs.com/en/guide/migrating-5.html.",
    );
  }
  if (live.has(app)) throw new MercureError("ERR_OPTION", "This application has a kit already: call mercure() once.");
  live.add(app);
  if (!hasRoutes((app as Application & { router: RouterLike }).router)) return;
  warn(
    "htmx-mercure: mercure() was called after routes, a router with routes, or a sub-application. Their pages may miss " +
      "what is published while they are made, and cannot have private streams. Call it before all of them.",
  );
}

/** Express 4 throws where `app.router` is read; a router that is a function came with Express 5. */
function isBeforeExpress5(app: Application): boolean {
  try {
    return typeof (app as Application & { readonly router?: unknown }).router !== "function";
  } catch {
    return true;
  }
}

/** What Express documents of a router, and its types leave out. */
interface RouterLike {
  readonly stack?: readonly {
    readonly name?: string;
    readonly route?: unknown;
    readonly handle?: unknown;
  }[];
}

/** Whether a router has routes, or is mounted before something that has them. Of a sub-application only its name shows. */
function hasRoutes({ stack }: RouterLike, seen = new Set<unknown>()): boolean {
  if (!Array.isArray(stack) || seen.has(stack)) return false;
  seen.add(stack);
  return stack.some(
    ({ name, route, handle }) =>
      route !== undefined || name === "mounted_app" || (typeof handle === "function" && hasRoutes(handle, seen)),
  );
}

/** What the middleware of sessions and of sign-in adds to a request. */
const sessionNames = ["session", "user", "auth", "cookies", "signedCookies", "oidc"];

/** Warns, once, when the option `authorize` cannot know about the hub's requests what it knows about a page's. */
export class SessionReminder {
  readonly #warn: (message: string) => void;
  readonly #lacking = new WeakMap<Request, readonly string[]>();
  #said = false;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** As the request comes to the kit. */
  watch(request: Request): void {
    if (!this.#said)
      this.#lacking.set(
        request,
        sessionNames.filter((name) => !(name in request)),
      );
  }

  /** As the application is asked about it. */
  check(request: Request): void {
    const late = this.#lacking.get(request)?.find((name) => name in request);
    if (this.#said || late === undefined) return;
    this.#said = true;
    this.#warn(
      `htmx-mercure: req.${late} is there for a page, but not for the hub, where authorize is asked too: call mercure() ` +
        "after the middleware of sessions and sign-in, and before all routes.",
    );
  }
}

/** Warns, once, when a whole page with a stream in it was sent without the scripts that would make it live. */
export class ScriptsReminder {
  readonly #warn: (message: string) => void;
  #said = false;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  watch(request: Request, response: Response, page: Page): void {
    if (this.#said || request.get("HX-Request") !== undefined) return;
    response.once("finish", () => {
      if (this.#said || page.connections === 0 || page.hasScripts || response.statusCode >= 400) return;
      this.#said = true;
      this.#warn(
        `htmx-mercure: ${page.url} has a stream, but no scripts to receive it: write {{ mercure_scripts() }} in its head.`,
      );
    });
  }
}
