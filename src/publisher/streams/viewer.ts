import { types } from "node:util";
import type { Selector } from "../../protocol/active-subscription.js";
import { nameOf } from "../../protocol/carried-name.js";
import { MercureError } from "../../shared/errors.js";
import { onRejection } from "../../shared/on-rejection.js";
import type { Authorizer } from "./authorizer.js";
import type { RenderContexts } from "./render-context.js";
import { watchedTopics } from "./watched-topics.js";

export interface ViewerOptions {
  readonly pages: RenderContexts;
  readonly authorizer: Authorizer;
  /** The path prefix of the hub's own topics. */
  readonly hubPath: string;
  /** Returns the payload of a token for these topics. Other subscribers can read it. */
  readonly payloadOf?: ((topics: readonly string[], request: unknown) => unknown) | undefined;
  /** Returns the subject of the tokens that a request creates. */
  readonly subjectOf?: ((request: unknown) => string | undefined) | undefined;
}

/** The viewer of the current request: the grants, the payload and the subject that the application gives them. */
export class Viewer {
  readonly #options: ViewerOptions;

  constructor(options: ViewerOptions) {
    this.#options = options;
  }

  /**
   * Checks that the current request may stream the selectors.
   *
   * @throws MercureError `ERR_FORBIDDEN` if it may not, `ERR_OPTION` if the option `authorize` returns a promise.
   */
  check(granted: readonly Selector[]): void {
    const { authorizer, hubPath } = this.#options;
    const texts = granted.map(({ text }) => text);
    authorizer.assert(this.#request as object | undefined, watchedTopics(hubPath, texts));
  }

  /**
   * Returns the payload of a token for these topics, which other subscribers can read.
   *
   * @param names - The names as the application wrote them.
   * @throws MercureError `ERR_OPTION` if the option `payloadGetter` returns a promise.
   */
  payloadOf(names: readonly string[]): unknown {
    const payload = this.#options.payloadOf?.(names, this.#request);
    if (!types.isPromise(payload)) return payload;
    onRejection(payload);
    throw new MercureError(
      "ERR_OPTION",
      "The option payloadGetter returned a promise; it must return the payload synchronously.",
    );
  }

  /** Returns the payload of a token for selectors. */
  payloadFor(selectors: readonly Selector[]): unknown {
    return this.payloadOf(selectors.map(({ text }) => nameOf(text)));
  }

  /**
   * Returns the subject of the current request, from the option `subjectGetter`. Undefined, null and the empty string
   * stand for an anonymous visitor.
   *
   * @throws MercureError `ERR_OPTION` if the option does not return a string or a number synchronously.
   */
  subjectOf(): string | undefined {
    const request = this.#request;
    const subject: unknown = request === undefined ? undefined : this.#options.subjectOf?.(request);
    if (subject === undefined || subject === null || subject === "") return undefined;
    if (typeof subject === "string" || typeof subject === "number") return String(subject);
    onRejection(subject);
    throw new MercureError(
      "ERR_OPTION",
      `The option subjectGetter must return a string or a number synchronously, not a ${typeof subject}.`,
    );
  }

  get #request(): unknown {
    return this.#options.pages.current?.request;
  }
}
