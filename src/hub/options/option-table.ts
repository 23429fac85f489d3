import { defaultHubPath } from "../../protocol/draft.js";
import { historyDefaults } from "../../transport/history-defaults.js";
import type { HubHistoryOptions, IdentityOptions, SharedHubOptions } from "./shared-options.js";

/** A hub option: its kind, default and bounds, and the description that the command's help prints. */
export type HubOption = NumberOption | BooleanOption | ChoiceOption | TextOption | ListOption | ObjectOption;

interface Described {
  /** The description in the help of the command line, without the default and the bounds. */
  readonly help: string;
  /** The environment variable, if it does not follow from the name. */
  readonly variable?: string;
}

export interface NumberOption extends Described {
  readonly kind: "number";
  readonly default: number;
  readonly min: 0 | 1;
  readonly max?: number;
  /** Whether the value must be a whole number. */
  readonly integer?: true;
  readonly unit: "number" | "seconds" | "bytes" | "characters";
  /** The meaning of 0, if it is a special value. */
  readonly zero?: string;
}

interface BooleanOption extends Described {
  readonly kind: "boolean";
  readonly default: boolean;
}

export interface ChoiceOption extends Described {
  readonly kind: "choice";
  readonly values: readonly (string | number)[];
  readonly default: string | number;
}

interface TextOption extends Described {
  readonly kind: "path" | "text" | "identifier" | "cookieName";
  /** The default, or undefined if it depends on other options. */
  readonly default: string | undefined;
  /** The word for the value in the help of the command line. */
  readonly value: string;
}

interface ListOption extends Described {
  readonly kind: "strings" | "origins" | "corsOrigins" | "historyLengths";
  readonly default: readonly never[];
  /** The word for one item in the help of the command line. */
  readonly value: string;
}

/** An option of code alone: no variable and no flag sets it. */
interface ObjectOption {
  readonly kind: "object";
  readonly default: undefined;
}

/** The value of an option after the default has been filled in. */
type Resolved<Value> = readonly string[] extends Value ? readonly string[] : Value;

/** Options by name, with every default filled in. A default of undefined depends on other options. */
export type Settings<Options> = { readonly [Name in keyof Options]-?: Resolved<Exclude<Options[Name], undefined>> };

/** The rows of the options. The type of a row's default is the type of the option. */
type Table<Options> = {
  readonly [Name in keyof Options]-?: HubOption & { readonly default: Settings<Options>[Name] | undefined };
};

const mebibyte = 1024 * 1024;

/**
 * Every hub option that an application, the class `Hub` and the command line share. Their readers, the environment
 * variables, the flags and the help come from this table, and tests hold the doc comments and the pages to it.
 */
export const sharedOptions = {
  path: { kind: "path", default: defaultHubPath, value: "path", help: "The path of the hub's URL." },
  protocol: {
    kind: "choice",
    values: [0, 1, "both"],
    default: "both",
    help: "The versions of Mercure that the hub speaks.",
  },
  issuers: { kind: "object", default: undefined },
  authorizationServers: {
    kind: "strings",
    default: [],
    value: "url",
    help: "Mercure 1.0: an issuer of tokens for clients, for the hub's metadata.",
  },
  allowAnonymous: { kind: "boolean", default: true, help: "Whether subscribers can connect without a token." },
  allowPublish: { kind: "boolean", default: false, help: "Whether clients can publish over HTTP." },
  subscriptions: { kind: "boolean", default: true, help: "Whether the hub publishes active subscriptions." },
  corsOrigins: {
    kind: "corsOrigins",
    default: [],
    value: "origin",
    help: "Another origin whose pages can use the hub; * for all, without cookies.",
  },
  publishOrigins: {
    kind: "origins",
    default: [],
    value: "origin",
    help: "Another origin whose pages can publish with a token in a cookie.",
  },
  connectionLifetime: {
    kind: "number",
    default: 3600,
    min: 0,
    unit: "seconds",
    zero: "unlimited",
    help: "Max duration of a stream.",
  },
  clockTolerance: {
    kind: "number",
    default: 30,
    min: 0,
    max: 300,
    unit: "seconds",
    zero: "none",
    help: "Max lead of the clock of a token's issuer.",
  },
  keepaliveInterval: {
    kind: "number",
    default: 15,
    min: 0,
    max: 86_400,
    unit: "seconds",
    zero: "no comments",
    help: "Interval of the comments on idle streams.",
  },
  ...limitOptions({
    maxConnections: ["number", 100_000, "unlimited", "Max open streams."],
    maxConnectionsPerAddress: ["number", 10_000, "unlimited", "The same for each address."],
    maxConnectionsPerSubject: ["number", 1000, "unlimited", "The same for each subject of a token."],
    maxBacklogBytes: ["bytes", mebibyte, "as far as history reaches", "Max backlog of a slow stream."],
    maxMatchers: ["number", 200, undefined, "Max topics and patterns of one request."],
    maxMatcherLength: ["characters", 2048, undefined, "Max length of each topic and pattern."],
    maxPatternSize: ["number", 5000, "no patterns", "Max size of the patterns of one request, in instructions."],
    maxSubscriptionBytes: ["bytes", 256 * mebibyte, "unlimited", "Max memory for topics and patterns of all streams."],
    maxSubscriptionBytesPerAddress: ["bytes", 64 * mebibyte, "unlimited", "The same for each address."],
    maxSubscriptionBytesPerRequest: ["bytes", 8 * mebibyte, "unlimited", "The same for each request."],
    maxQueryBytes: ["bytes", 256 * 1024, undefined, "Max size of the body of a QUERY request."],
    maxTokenDetails: ["number", 100, undefined, "Max authorization details of a token."],
    maxTokenTopics: ["number", 1000, undefined, "Max topics that a token grants."],
    maxPublishBytes: ["bytes", mebibyte, undefined, "Max size of a publish request."],
    maxPublishTopics: ["number", 100, undefined, "Max topics of an update."],
    maxPublishFieldLength: ["characters", 4096, undefined, "Max length of an update's fields, except the data."],
  }),
} as const satisfies Table<SharedHubOptions>;

/** The options of the history, for a hub whose transport the library creates. */
export const historyOptions = {
  reconciliationLength: {
    kind: "number",
    default: historyDefaults.length,
    min: 0,
    integer: true,
    unit: "number",
    zero: "none",
    help: "Max updates of each topic that the hub keeps.",
  },
  historyLengths: {
    kind: "historyLengths",
    default: [],
    value: "topic=number",
    help: "The same for one topic: /chat=100; or for a pattern: urlpattern:/chat/:id=20.",
  },
  maxHistoryBytes: {
    kind: "number",
    default: historyDefaults.bytes,
    min: 0,
    integer: true,
    unit: "bytes",
    zero: "none",
    help: "Max memory of all updates that the hub keeps.",
  },
} as const satisfies Table<HubHistoryOptions>;

/** The options that name the hub and its cookie. The library and the command share their variables. */
export const identityOptions = {
  issuer: {
    kind: "text",
    default: undefined,
    variable: "MERCURE_ISSUER",
    value: "url",
    help: "Mercure 1.0: the issuer of tokens, their claim iss. Default: the origin of the resource.",
  },
  resource: {
    kind: "identifier",
    default: undefined,
    variable: "MERCURE_RESOURCE",
    value: "url",
    help: "Mercure 1.0: the hub's public URL, the claim aud of tokens. Default: the hub's URL.",
  },
  cookieName: {
    kind: "cookieName",
    default: undefined,
    variable: "MERCURE_AUTHZ_COOKIE_NAME",
    value: "name",
    help: "The cookie with a browser's token. Default: __Secure-mercure_access_token, else mercureAuthorization.",
  },
} as const satisfies Table<IdentityOptions>;

type LimitRow = readonly [unit: NumberOption["unit"], defaultValue: number, zero: string | undefined, help: string];

/** Returns the rows of limits, which are whole numbers. Without a meaning of 0, the min is 1. */
function limitOptions<Name extends string>(
  rows: Readonly<Record<Name, LimitRow>>,
): Readonly<Record<Name, NumberOption>> {
  const entries = Object.entries<LimitRow>(rows).map(([name, [unit, defaultValue, zero, help]]) => {
    const special = zero === undefined ? ({ min: 1 } as const) : ({ min: 0, zero } as const);
    return [name, { kind: "number", default: defaultValue, integer: true, unit, help, ...special }];
  });
  return Object.fromEntries(entries) as Record<Name, NumberOption>;
}
