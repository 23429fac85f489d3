import type { Logger } from "../../shared/logger.js";
import { invalidOption, type OptionReader } from "../../shared/option-reader.js";
import { transportFromUrl } from "../../transport/from-url.js";
import { readHistoryLengths } from "../../transport/history/history-options.js";
import type { Transport } from "../../transport/transport.js";
import { type HubOption, historyOptions, identityOptions, type Settings, sharedOptions } from "./option-table.js";
import type { HubHistoryOptions, IdentityOptions, SharedHubOptions } from "./shared-options.js";

/** The shared options with every default filled in. Issuers have no default. */
export type SharedHubSettings = Omit<Settings<SharedHubOptions>, "issuers"> &
  Required<Pick<SharedHubOptions, "issuers">>;

/** Deviations of a reader from the table. */
interface Reading {
  /** Returns the reader's name of an option. Default: the option's own name. */
  readonly nameOf?: (name: string) => string;
  readonly defaults?: Partial<SharedHubSettings>;
}

/**
 * Reads the options that all hubs share, from options and environment variables, and fills in the defaults.
 *
 * @throws MercureError `ERR_OPTION`
 */
export function readSharedOptions(read: OptionReader, reading: Reading = {}): SharedHubSettings {
  return readAll(read, sharedOptions, reading) as SharedHubSettings;
}

/**
 * Reads the options of a history in the same way.
 *
 * @throws MercureError `ERR_OPTION`
 */
export function readHistoryOptions(read: OptionReader, reading: Reading = {}): Settings<HubHistoryOptions> {
  return readAll(read, historyOptions, reading) as Settings<HubHistoryOptions>;
}

/** Rejects options of a history beside a transport that is an object, because such a transport has options of its own. */
export function refuseHistoryOptions(options: object | undefined, prefix = ""): void {
  for (const name of Object.keys(historyOptions)) {
    if ((options as Readonly<Record<string, unknown>> | undefined)?.[name] === undefined) continue;
    throw invalidOption(prefix + name, "has no effect on a transport that is an object; set it when you create that");
  }
}

/** Creates a transport by its URL, with the history that a hub's options describe. */
export function createTransport(url: string, history: Settings<HubHistoryOptions>, logger: Logger): Transport {
  const { reconciliationLength: historyLength, historyLengths, maxHistoryBytes } = history;
  return transportFromUrl(url, { historyLength, historyLengths, maxHistoryBytes }, logger);
}

/**
 * Reads an option that names the hub or its cookie. Returns undefined if it is not set, because its default depends on
 * other options.
 *
 * @param given - The reader's name of the option.
 * @throws MercureError `ERR_OPTION`
 */
export function readIdentityOption(
  read: OptionReader,
  name: keyof IdentityOptions,
  given: string = name,
): string | undefined {
  return readOption(read, identityOptions[name], name, given) as string | undefined;
}

/** Returns the environment variable of an option, such as `MERCURE_HUB_MAX_CONNECTIONS`; undefined for one of code. */
export function variableOf(name: string, option: HubOption): string | undefined {
  if (option.kind === "object") return undefined;
  return option.variable ?? `MERCURE_HUB_${name.replaceAll(/[A-Z]/g, "_$&").toUpperCase()}`;
}

function readAll(
  read: OptionReader,
  table: Readonly<Record<string, HubOption>>,
  { nameOf = (name) => name, defaults = {} }: Reading,
): Readonly<Record<string, unknown>> {
  const values = Object.entries(table).map(([name, option]) => {
    const defaultValue = (defaults as Readonly<Record<string, unknown>>)[name] ?? option.default;
    return [name, readOption(read, option, name, nameOf(name)) ?? defaultValue];
  });
  return Object.fromEntries(values);
}

function readOption(read: OptionReader, option: HubOption, nameInTable: string, name: string): unknown {
  const variable = variableOf(nameInTable, option);
  switch (option.kind) {
    case "object":
      return read.object(name);
    case "number":
      return read.number(name, option, variable);
    case "choice":
      return read.oneOf(name, option.values, variable);
    case "boolean":
      return read.boolean(name, variable);
    case "path":
      return read.path(name, variable);
    case "text":
      return read.string(name, variable);
    case "identifier":
      return read.identifier(name, variable);
    case "cookieName":
      return read.cookieName(name, variable);
    case "strings":
      return read.strings(name, variable);
    case "origins":
      return read.origins(name, variable);
    case "corsOrigins":
      return read.corsOrigins(name, variable);
    case "historyLengths":
      return readHistoryLengths(read, name, variable);
  }
}
