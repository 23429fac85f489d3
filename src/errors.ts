/** Every code that an error of the kit can carry, with what it means. Codes are stable; messages may improve. */
export const errorCodes = {
  ERR_OPTION: "An option or an environment variable is unknown, missing or impossible.",
  ERR_TEMPLATE: "A template uses a tag or a property wrongly.",
  ERR_COMPONENT: "A component is missing, exists twice, or includes itself without end.",
  ERR_TOPIC: "A topic is missing, empty, or cannot be made from the given value.",
  ERR_MODEL: "A model object cannot serve as a topic or as data.",
  ERR_DATA: "Data cannot be published: it is not serialisable.",
  ERR_UPDATE: "An update's id, type, retry or topics break the Mercure protocol.",
  ERR_PUBLISH: "A hub refused an update, or could not be reached.",
  ERR_SUBSCRIPTIONS: "A hub elsewhere does not tell who is subscribed.",
  ERR_EXTERNAL_HUB: "Something needs the hub in this process, but an external hub is configured.",
  ERR_TOKEN: "A stream's token would get to where it must not be, or cannot be given to the browser.",
  ERR_FORBIDDEN: "The application's option `authorize` does not grant a private stream.",
  ERR_RESPONSE: "A response has begun or ended, so that it cannot carry what it is asked for.",
  ERR_HISTORY_GAP: "A reader fell out of the history that the hub keeps.",
  ERR_CLOSED: "The hub is closed.",
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** The one base of the kit's errors. Branch on {@link MercureError.code}, never on the message. */
export class MercureError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "MercureError";
    this.code = code;
  }

  /** With which HTTP status Express answers, if nobody handles the error: 403 for `ERR_FORBIDDEN`, otherwise 500. */
  get status(): number {
    return this.code === "ERR_FORBIDDEN" ? 403 : 500;
  }
}
