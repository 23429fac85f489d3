/** The code of a {@link MercureError}, such as `ERR_TOPIC`. The page docs/errors.md lists the causes and remedies. */
export type ErrorCode =
  | "ERR_OPTION"
  | "ERR_TEMPLATE"
  | "ERR_COMPONENT"
  | "ERR_TOPIC"
  | "ERR_MODEL"
  | "ERR_DATA"
  | "ERR_UPDATE"
  | "ERR_PUBLISH"
  | "ERR_SUBSCRIPTIONS"
  | "ERR_EXTERNAL_HUB"
  | "ERR_TOKEN"
  | "ERR_FORBIDDEN"
  | "ERR_RESPONSE"
  | "ERR_HISTORY_GAP"
  | "ERR_CLOSED"
  | "ERR_TRANSPORT"
  | "ERR_OUTBOX"
  | "ERR_PACKAGE";

/** The codes of the library's errors, with their meanings. Codes are stable; messages can change. */
export const errorCodes: Readonly<Record<ErrorCode, string>> = {
  ERR_OPTION: "An option or environment variable is unknown, missing or invalid.",
  ERR_TEMPLATE: "A template uses a tag or a property incorrectly.",
  ERR_COMPONENT: "A component is missing, exists twice, or includes itself endlessly.",
  ERR_TOPIC: "A topic is missing, empty, of an unsupported type, or rejected by the hub.",
  ERR_MODEL: "A model object cannot serve as a topic or as data.",
  ERR_DATA: "The data is not serialisable.",
  ERR_UPDATE: "An update's id, type, retry or topics are invalid in the Mercure protocol.",
  ERR_PUBLISH: "A hub rejected an update or was unreachable.",
  ERR_SUBSCRIPTIONS: "An external hub does not list its subscriptions.",
  ERR_EXTERNAL_HUB: "A function needs the embedded hub, but `hubUrl` configures an external hub.",
  ERR_TOKEN: "A stream's token would leak, or cannot reach the browser.",
  ERR_FORBIDDEN: "The application's option `authorize` does not grant a private stream.",
  ERR_RESPONSE: "A response has already begun or ended.",
  ERR_HISTORY_GAP: "A reader's next update is no longer in the history.",
  ERR_CLOSED: "`close()` has closed the hub.",
  ERR_TRANSPORT: "The store of the transport did not confirm an update in time, or cannot be used.",
  ERR_OUTBOX: "The tables of the outbox are missing or cannot be used.",
  ERR_PACKAGE: "A package that an option needs is missing.",
};

/**
 * The base class of the library's errors. Branch on {@link MercureError.code}, never on the message.
 *
 * @example
 * ```ts
 * try {
 *   await sse.publish("", "hello");
 * } catch (error) {
 *   if (error instanceof MercureError && error.code === "ERR_TOPIC") console.warn("no topic");
 *   else throw error;
 * }
 * ```
 */
export class MercureError extends Error {
  /** The stable code of the error. */
  readonly code: ErrorCode;

  static {
    // Stacks and consoles show both names. The build shortens those of classes.
    MercureError.prototype.name = "MercureError";
    Object.defineProperty(MercureError, "name", { value: "MercureError" });
  }

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /**
   * The HTTP status of Express's response to an unhandled error: 403 for `ERR_FORBIDDEN`, 503 for `ERR_TRANSPORT`,
   * otherwise 500.
   */
  get status(): number {
    return { ERR_FORBIDDEN: 403, ERR_TRANSPORT: 503 }[this.code as string] ?? 500;
  }
}
