import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { MercureError } from "./errors.js";
import { didYouMean } from "./nearest.js";
import type { Logger } from "./options.js";

export function impossible(name: string, why: string): MercureError {
  return new MercureError("ERR_OPTION", `The option ${name} ${why}.`);
}

interface NumberBounds {
  least: number;
  most?: number;
  whole?: boolean;
}

/** Reads options by type, from the object or else from the environment, and remembers which names it knows. */
export class OptionReader {
  readonly #options: Record<string, unknown>;
  readonly #prefix: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #known = new Set<string>();

  constructor(options: unknown, prefix: string, environment: NodeJS.ProcessEnv) {
    this.#options = (options ?? {}) as Record<string, unknown>;
    this.#prefix = prefix;
    this.#environment = environment;
  }

  string(name: string, variable?: string): string | undefined {
    const [value, source] = this.#value(name, variable);
    if (value === undefined || value === "") return undefined;
    if (typeof value !== "string") throw impossible(source, `must be a string, not ${describe(value)}`);
    return value;
  }

  /** Unlike other strings, an empty key is no key left out: it is a mistake that would look like a secret. */
  key(name: string, variable: string): string | undefined {
    if (this.#options[name] === "") throw impossible(this.#prefix + name, "is empty");
    return this.string(name, variable);
  }

  boolean(name: string, variable?: string): boolean | undefined {
    const [value, source] = this.#value(name, variable);
    if (value === undefined || value === "" || typeof value === "boolean") return value === "" ? undefined : value;
    if (source === variable && typeof value === "string") {
      if (/^(1|true|yes|on)$/i.test(value)) return true;
      if (/^(0|false|no|off)$/i.test(value)) return false;
    }
    throw impossible(source, `must be true or false, not ${describe(value)}`);
  }

  number(name: string, { least, most, whole }: NumberBounds, variable?: string): number | undefined {
    const [value, source] = this.#value(name, variable);
    if (value === undefined || value === "") return undefined;
    const number = source === variable ? Number(value) : value;
    const inBounds = typeof number === "number" && number >= least && number <= (most ?? Number.MAX_SAFE_INTEGER);
    if (!inBounds || (whole && !Number.isInteger(number))) {
      const upTo = most === undefined ? "" : ` and at most ${most}`;
      throw impossible(
        source,
        `must be a ${whole ? "whole " : ""}number of at least ${least}${upTo}, not ${typeof value === "number" ? value : describe(value)}`,
      );
    }
    return number;
  }

  strings(name: string): readonly string[] | undefined {
    const [value, source] = this.#value(name);
    if (value === undefined) return undefined;
    const list = Array.isArray(value) ? value : [value];
    for (const item of list) {
      if (typeof item !== "string" || item === "") {
        throw impossible(source, `must be a string or a list of strings, not ${describe(item)}`);
      }
    }
    return list;
  }

  /** Origins such as `https://example.com`; by an environment variable with spaces or commas between them. */
  origins(name: string, variable?: string, wildcard = false): readonly string[] | undefined {
    const [value, source] = this.#value(name, variable);
    if (value === undefined || value === "") return undefined;
    const split = source === variable && typeof value === "string";
    const list: readonly unknown[] = split ? value.split(/[\s,]+/).filter(Boolean) : [value].flat();
    for (const origin of list) {
      if (typeof origin === "string" && (isOrigin(origin) || (wildcard && origin === "*"))) continue;
      throw impossible(
        source,
        `must hold origins such as https://example.com, without a path, not ${describe(origin)}`,
      );
    }
    return list as readonly string[];
  }

  /** Origins, or `*` for all. */
  corsOrigins(name: string, variable?: string): readonly string[] | undefined {
    return this.origins(name, variable, true);
  }

  /** A folder that is named but missing would show only as a missing template, and not say where it was looked for. */
  folders(name: string): readonly string[] | undefined {
    const folders = this.strings(name);
    for (const folder of folders ?? []) {
      if (existsSync(folder)) continue;
      throw impossible(this.#prefix + name, `names a folder that does not exist: ${resolve(folder)}`);
    }
    return folders;
  }

  path(name: string): string | undefined {
    const value = this.string(name);
    if (value !== undefined && !/^(\/[\w.~-]+)+$/.test(value)) {
      throw impossible(this.#prefix + name, `must be a path such as /live, not ${describe(value)}`);
    }
    return value;
  }

  url(name: string, variable?: string): string | undefined {
    const value = this.string(name, variable);
    if (value === undefined) return undefined;
    const parsed = parseUrl(value);
    if (parsed === null || !/^https?:$/.test(parsed.protocol) || parsed.search !== "" || parsed.hash !== "") {
      throw impossible(
        this.#prefix + name,
        `must be an http(s) URL or a path, without a query, not ${describe(value)}`,
      );
    }
    return parsed.origin === "http://relative" ? parsed.pathname : parsed.href;
  }

  oneOf<Value extends string | number>(name: string, values: readonly Value[], variable?: string): Value | undefined {
    const [value, source] = this.#value(name, variable);
    if (value === undefined || value === "") return undefined;
    const found = values.find((known) => known === value || (source === variable && String(known) === value));
    if (found !== undefined) return found;
    const names = values.map((known) => JSON.stringify(known)).join(", ");
    throw impossible(source, `must be one of ${names}, not ${describe(value)}`);
  }

  /** A URL to which requests are sent; `fetch` takes none with a password in it. */
  absoluteUrl(name: string, variable: string): string | undefined {
    const value = this.url(name, variable);
    if (value === undefined || (URL.canParse(value) && new URL(value).username === "")) return value;
    throw impossible(this.#prefix + name, `must be a whole http(s) URL, without a user, not ${describe(value)}`);
  }

  object(name: string): object | undefined {
    const [value, source] = this.#value(name);
    if (value !== undefined && (typeof value !== "object" || value === null)) {
      throw impossible(source, `must be an object, not ${describe(value)}`);
    }
    return value as object | undefined;
  }

  callback(name: string): ((...args: never[]) => unknown) | undefined {
    const [value, source] = this.#value(name);
    if (value !== undefined && typeof value !== "function") {
      throw impossible(source, `must be a function, not ${describe(value)}`);
    }
    return value as ((...args: never[]) => unknown) | undefined;
  }

  logger(name: string): Logger | undefined {
    const logger = this.object(name) as Partial<Logger> | undefined;
    if (logger !== undefined && (typeof logger.warn !== "function" || typeof logger.error !== "function")) {
      throw impossible(this.#prefix + name, "must have the methods warn and error");
    }
    return logger as Logger | undefined;
  }

  refuseUnknown(): void {
    for (const name of Object.keys(this.#options)) {
      if (this.#known.has(name)) continue;
      const hint = didYouMean(name, this.#known);
      throw new MercureError("ERR_OPTION", `The option ${this.#prefix + name} does not exist.${hint}`);
    }
  }

  /** The value, and the name that an error shall give for it. */
  #value(name: string, variable?: string): [value: unknown, source: string] {
    this.#known.add(name);
    const value = this.#options[name];
    if (value === undefined && variable !== undefined) return [this.#environment[variable], variable];
    return [value, this.#prefix + name];
  }
}

function isOrigin(value: string): boolean {
  return /^https?:/.test(value) && parseUrl(value)?.origin === value;
}

function parseUrl(value: string): URL | null {
  try {
    return new URL(value, "http://relative");
  } catch {
    return null;
  }
}

function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  return value === null ? "null" : typeof value;
}
