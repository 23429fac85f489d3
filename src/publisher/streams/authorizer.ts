import { MercureError } from "../../shared/errors.js";
import { isThenable } from "../../shared/text.js";

/**
 * The reason for a call of `authorize`: `render` when a page with a private stream is rendered, `renew` when a stream
 * with an expired token requests a new one, `connect` when a stream with its token in a cookie connects to the hub.
 */
export type AuthorizeAction = "render" | "renew" | "connect";

/**
 * Decides whether a request may stream topics. Must return a boolean, or a promise of one. Rendering cannot wait for a
 * promise; see `sse.authorize`.
 */
export type Authorize<R> = (
  request: R,
  topics: readonly string[],
  action: AuthorizeAction,
) => boolean | Promise<boolean>;

/** The cached answers for one request. */
interface Answers {
  readonly granted: Set<string>;
  readonly refused: Set<string>;
}

/**
 * Asks the application whether a request may stream topics. Without the option `authorize`, every page that is rendered
 * may stream its topics.
 */
export class Authorizer {
  readonly #authorize: Authorize<object> | undefined;
  readonly #answers = new WeakMap<object, Answers>();

  constructor(authorize: Authorize<never> | undefined) {
    // Requests of the application come back to it, so they have the type that it declares.
    this.#authorize = authorize as Authorize<object> | undefined;
  }

  /** Resolves to the application's answer. An answer for the action `render` is cached for the rest of the request. */
  async authorize(request: object, topics: readonly string[], action: AuthorizeAction): Promise<boolean> {
    if (this.#authorize === undefined || topics.length === 0) return true;
    const isGranted = (await this.#authorize(request, topics, action)) === true;
    if (action === "render") this.#remember(request, topics, isGranted);
    return isGranted;
  }

  /**
   * Checks synchronously, for rendering, that a request may stream topics.
   *
   * @throws MercureError `ERR_FORBIDDEN` if the application refuses or the request is missing, `ERR_OPTION` if the
   * option `authorize` returns a promise.
   */
  assert(request: object | undefined, topics: readonly string[]): void {
    if (this.#authorize === undefined || topics.length === 0) return;
    const named = topics.map((topic) => JSON.stringify(topic)).join(", ");
    if (request === undefined) {
      throw new MercureError(
        "ERR_FORBIDDEN",
        `Cannot authorize the private stream of ${named} outside a request; render it in a route after mercure(app).`,
      );
    }
    const known = this.#known(request, topics);
    const answer = known ?? this.#authorize(request, topics, "render");
    if (isThenable(answer)) {
      Promise.resolve(answer).catch(() => {});
      const hint = `call "await sse.authorize(req, topics)" for ${named} in the handler before rendering`;
      throw new MercureError(
        "ERR_OPTION",
        `The option authorize returned a promise, but rendering is synchronous: ${hint}.`,
      );
    }
    if (answer !== true)
      throw new MercureError("ERR_FORBIDDEN", `The application does not grant the stream of ${named}.`);
  }

  #known(request: object, topics: readonly string[]): boolean | undefined {
    const answers = this.#answers.get(request);
    if (answers === undefined) return undefined;
    if (topics.every((topic) => answers.granted.has(topic))) return true;
    return answers.refused.has(together(topics)) ? false : undefined;
  }

  #remember(request: object, topics: readonly string[], isGranted: boolean): void {
    const answers = this.#answers.get(request) ?? { granted: new Set(), refused: new Set() };
    this.#answers.set(request, answers);
    if (isGranted) for (const topic of topics) answers.granted.add(topic);
    else answers.refused.add(together(topics));
  }
}

function together(topics: readonly string[]): string {
  return JSON.stringify([...topics].sort());
}
