import { MercureError } from "../../shared/errors.js";
import { isThenable } from "../../shared/text.js";

/**
 * When the application is asked: a page with a private stream is `render`ed, a stream whose token has expired asks to
 * `renew` it, a stream whose token is in a cookie `connect`s to the hub.
 */
export type AuthorizeAction = "render" | "renew" | "connect";

/** What the application has to say about who may stream what. */
export type Authorize<R> = (
  request: R,
  topics: readonly string[],
  action: AuthorizeAction,
) => boolean | Promise<boolean>;

/** What has been said for one request. */
interface Answers {
  readonly granted: Set<string>;
  readonly refused: Set<string>;
}

/** Asks the application who may stream what. Without a function that tells, whoever gets to render a page may. */
export class Permissions {
  readonly #authorize: Authorize<never> | undefined;
  readonly #answers = new WeakMap<object, Answers>();

  constructor(authorize: Authorize<never> | undefined) {
    this.#authorize = authorize;
  }

  /** Whether the application has a say at all. */
  get areAsked(): boolean {
    return this.#authorize !== undefined;
  }

  /** Asks and waits. The answer counts for what the same request renders from then on. */
  async ask(request: object, topics: readonly string[], action: AuthorizeAction): Promise<boolean> {
    if (this.#authorize === undefined || topics.length === 0) return true;
    const isGranted = (await this.#authorize(request as never, topics, action)) === true;
    if (action === "render") this.#remember(request, topics, isGranted);
    return isGranted;
  }

  /**
   * The same at once, since rendering cannot wait.
   *
   * @throws MercureError `ERR_FORBIDDEN` when the application refuses, `ERR_OPTION` when it does not know at once.
   */
  check(request: object | undefined, topics: readonly string[]): void {
    if (this.#authorize === undefined || topics.length === 0) return;
    const named = topics.map((topic) => JSON.stringify(topic)).join(", ");
    if (request === undefined) {
      throw new MercureError(
        "ERR_FORBIDDEN",
        `There is no request for the private stream of ${named}: render it for a request, in a route after mercure(app).`,
      );
    }
    const known = this.#known(request, topics);
    const answer = known ?? this.#authorize(request as never, topics, "render");
    if (isThenable(answer)) {
      Promise.resolve(answer).catch(() => {});
      const wayOut = `call "await sse.authorize(req, topics)" for ${named} in the handler, before it renders`;
      throw new MercureError(
        "ERR_OPTION",
        `The option authorize gave a promise, for which rendering cannot wait: ${wayOut}.`,
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
