import type { Request, Response } from "express";
import { hubLink } from "../protocol/hub-link.js";
import type { RenderContext, RenderContexts } from "../publisher/streams/render-context.js";
import type { UnboundStreams } from "../publisher/streams/unbound-streams.js";
import { distinctTime } from "../shared/distinct-time.js";
import { MercureError } from "../shared/errors.js";
import type { AuthzCookies } from "./authz-cookies.js";
import type { BasePath } from "./base-path.js";
import { keepOutOfCaches } from "./caches.js";
import { headBytesLeft } from "./request-head.js";

export interface ResponsePagesOptions {
  readonly pages: RenderContexts;
  readonly unbound: UnboundStreams;
  readonly cookies: AuthzCookies;
  readonly basePath: BasePath;
  /** Prints a hint for the developer. */
  hint(message: string): void;
  /** Returns the hub's last event id. */
  lastEventId(): string;
  /** Returns the time in milliseconds since 1970. */
  now(): number;
}

/** Keeps one page per response, so that all rendering for a response uses its request, wherever it happens. */
export class ResponsePages {
  readonly #options: ResponsePagesOptions;
  readonly #pages = new WeakMap<Response, RenderContext>();
  #hasHinted = false;

  constructor(options: ResponsePagesOptions) {
    this.#options = options;
  }

  /** Creates the page of a response whose request begins. */
  begin(response: Response, mountPath: string): RenderContext {
    return this.#make(response, mountPath, true);
  }

  #make(response: Response, mountPath: string, isSeen: boolean): RenderContext {
    const { unbound, cookies, basePath, now } = this.#options;
    const request = response.req;
    const lastEventId = this.#options.lastEventId();
    let isLinked = false;
    const page: RenderContext = {
      lastEventId,
      beganAt: distinctTime(now()),
      unboundBefore: unbound.count,
      basePath: basePath.of(request, mountPath),
      origin: originOf(request),
      url: request.originalUrl,
      request,
      get isOver() {
        return response.writableEnded || response.closed;
      },
      connections: 0,
      hasScripts: false,
      onStream: (hubUrl) => {
        if (!isSeen) this.#hintOrder(page);
        if (isLinked || response.headersSent) return;
        isLinked = true;
        response.append("Link", hubLink(hubUrl, lastEventId));
      },
      headBytes: () => headBytesLeft(response, cookies),
      onToken: () => {
        if (!isSeen) throw outOfOrder(page);
        keepOutOfCaches(response);
      },
      keepOutOfCaches: () => keepOutOfCaches(response),
      keepToken: (grant, granted, sign) => cookies.keep(response, grant, granted, sign),
    };
    this.#pages.set(response, page);
    return page;
  }

  of(response: Response): RenderContext {
    return this.#pages.get(response) ?? this.#make(response, response.app.path(), false);
  }

  #hintOrder({ url }: RenderContext): void {
    if (this.#hasHinted) return;
    this.#hasHinted = true;
    this.#options.hint(
      `htmx-mercure: ${url} has a stream, but mercure() did not see its request begin; the stream can miss updates ` +
        `published meanwhile. ${hint}`,
    );
  }

  within<T>(response: Response, work: () => T): T {
    this.#options.cookies.forgetOthers(response);
    return this.#options.pages.within(this.of(response), work);
  }

  /**
   * Calls a function of the application within a response's page.
   *
   * @throws MercureError `ERR_OPTION` for an asynchronous function: its later part would not know the response.
   */
  withResponse<T>(response: Response, work: () => T): T {
    const result = this.within(response, work);
    if (!(result instanceof Promise)) return result;
    result.catch(() => {});
    throw new MercureError(
      "ERR_OPTION",
      "withResponse() takes a synchronous function: await the data first, then render in withResponse.",
    );
  }
}

const hint = "Call mercure(app) before the routes, routers and sub-applications that render.";

function outOfOrder({ url }: RenderContext): MercureError {
  return new MercureError(
    "ERR_TOKEN",
    `${url} has a private stream, but mercure() did not see its request begin; the page can be out of date or ` +
      `belong to another viewer. ${hint}`,
  );
}

/** The scheme and host of a request's URL. */
export function originOf(request: Request): string {
  return `${request.protocol}://${request.host ?? ""}`;
}
