import type { OptionReader } from "../../shared/option-reader.js";
import { type HubOption, historyOptions, identityOptions, type Settings, sharedOptions } from "./option-table.js";
import type { HistoryOptions, IdentityOptions, SharedHubOptions } from "./shared-options.js";

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
export function readHistoryOptions(read: OptionReader, reading: Reading = {}): Settings<HistoryOptions> {
  return readAll(read, historyOptions, reading) as Settings<HistoryOptions>;
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
    const byDefault = (defaults as Readonly<Record<string, unknown>>)[name] ?? option.default;
    return [name, readOption(read, option, name, nameOf(name)) ?? byDefault];
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
  }
}
