import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { MercureError } from "./errors.js";
import type { Logger } from "./logger.js";
import { didYouMean } from "./nearest.js";
import { isOrigin, originOfHost, parseUrl } from "./origins.js";
import { describeValue, isPlainObject } from "./plain-object.js";

export function invalidOption(name: string, why: string): MercureError {
  return new MercureError("ERR_OPTION", `The option ${name} ${why}.`);
}

interface NumberBounds {
  min: number;
  max?: number;
  integer?: boolean;
}

/**
 * Reads options by type, from the options object or else from the environment. The reader records the names that it
 * knows.
 */
export class OptionReader {
  readonly #options: Record<string, unknown>;
  readonly #prefix: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly #known = new Set<string>();

  constructor(options: unknown, prefix: string, environment: NodeJS.ProcessEnv) {
    if (options !== undefined && !isPlainObject(options)) {
      const name = prefix === "" ? "The options" : `The option ${prefix.replace(/\.$/, "")}`;
      const message = `${name} must be a plain object, not ${describeValue(options)}: write { name: value }.`;
      throw new MercureError("ERR_OPTION", message);
    }
    this.#options = options ?? {};
    this.#prefix = prefix;
    this.environment = environment;
  }

  string(name: string, variable?: string): string | undefined {
    const [value, source] = this.#value(name, variable);
    if (value === undefined || value === "") return undefined;
    if (typeof value !== "string") throw invalidOption(source, `must be a string, not ${describe(value)}`);
    return value;
  }

  /**
   * Reads a secret for HS256. An empty option is an error, because it looks like a secret that is set. A key in PEM is
   * also an error, because it can be public (RFC 8725, section 2.1).
   *
   * @param variables - The environment variables, in order of precedence; an empty one is skipped.
   */
  key(name: string, variables: readonly string[]): string | undefined {
    if (this.#options[name] === "") {
      throw invalidOption(this.#prefix + name, `is empty: give it a value, or leave it out to use ${variables[0]}`);
    }
    const variable = variables.find((each) => this.environment[each]) ?? variables[0];
    const [, source] = this.#value(name, variable);
    const key = this.string(name, variable);
    if (key?.includes("-----BEGIN ")) throw invalidOption(source, "is a key in PEM, not a secret for HS256");
    const algorithm = source === variable && variable?.endsWith("_JWT_KEY") ? variable.replace(/KEY$/, "ALG") : "";
    const named = this.environment[algorithm];
    if (key === undefined || !named || named === "HS256") return key;
    throw invalidOption(algorithm, `is ${describe(named)}, but an application signs its tokens with HS256 only`);
  }

  boolean(name: string, variable?: string): boolean | undefined {
    const [value, source] = this.#value(name, variable);
    if (value === undefined || value === "" || typeof value === "boolean") return value === "" ? undefined : value;
    const word = source === variable ? booleanOf(value) : undefined;
    if (word !== undefined) return word;
    throw invalidOption(source, `must be true or false, not ${describe(value)}`);
  }

  number(name: string, { min, max, integer }: NumberBounds, variable?: string): number | undefined {
    const [value, source] = this.#value(name, variable);
    if (value === undefined || value === "") return undefined;
    const number = source === variable ? Number(value) : value;
    const inBounds = typeof number === "number" && number >= min && number <= (max ?? Number.MAX_SAFE_INTEGER);
    if (!inBounds || (integer && !Number.isInteger(number))) {
      const upTo = max === undefined ? "" : `, max ${max}`;
      throw invalidOption(
        source,
        `must be a ${integer ? "whole " : ""}number, min ${min}${upTo}, not ${typeof value === "number" ? value : describe(value)}`,
      );
    }
    return number;
  }

  /** Reads a string or a list of strings. An environment variable separates them by spaces or commas. */
  strings(name: string, variable?: string): readonly string[] | undefined {
    const [value, source] = this.#value(name, variable);
    if (source === variable) return this.list(name, variable)?.map(([item]) => String(item));
    if (value === undefined) return undefined;
    const list = Array.isArray(value) ? value : [value];
    for (const item of list) {
      if (typeof item !== "string" || item === "") {
        throw invalidOption(source, `must be a string or a list of strings, not ${describe(item)}`);
      }
    }
    return list;
  }

  /** Reads origins such as `https://example.com`. An environment variable separates them by spaces or commas. */
  origins(name: string, variable?: string, wildcard = false): readonly string[] | undefined {
    return this.list(name, variable)?.map(([origin, source]) => {
      if (typeof origin === "string" && (isOrigin(origin) || (wildcard && origin === "*"))) return origin;
      throw invalidOption(
        source,
        `must contain origins such as https://example.com, without a path, not ${describe(origin)}`,
      );
    });
  }

  /** Reads origins, or `*` for all. */
  corsOrigins(name: string, variable?: string): readonly string[] | undefined {
    return this.origins(name, variable, true);
  }

  /**
   * Reads folders, and rejects missing ones. Otherwise a missing folder would show only as a missing template, without
   * the place of the search.
   */
  folders(name: string): readonly string[] | undefined {
    const folders = this.strings(name);
    for (const folder of folders ?? []) {
      if (existsSync(folder)) continue;
      throw invalidOption(this.#prefix + name, `names a folder that does not exist: ${resolve(folder)}`);
    }
    return folders;
  }

  path(name: string, variable?: string): string | undefined {
    const [, source] = this.#value(name, variable);
    const value = this.string(name, variable);
    if (value !== undefined && !/^(\/[\w.~-]+)+$/.test(value)) {
      throw invalidOption(source, `must be a path such as /live, not ${describe(value)}`);
    }
    return value;
  }

  url(name: string, variable?: string): string | undefined {
    const value = this.string(name, variable);
    if (value === undefined) return undefined;
    const [, source] = this.#value(name, variable);
    // A bare word would be a path relative to the page. Two leading slashes would name another host.
    const parsed = /^(?:https?:\/\/|\/(?![/\\]))/i.test(value) ? parseUrl(value) : null;
    if (parsed === null || parsed.search !== "" || parsed.hash !== "") {
      throw invalidOption(source, `must be an http(s) URL or a path, without a query, not ${describe(value)}`);
    }
    return parsed.origin === "http://relative" ? parsed.pathname : parsed.href;
  }

  /** Reads the beginning of a path, with one slash before it and no slash after it; empty for `/`. */
  prefix(name: string, variable: string): string | undefined {
    const value = this.string(name, variable);
    if (value === undefined) return undefined;
    const [, source] = this.#value(name, variable);
    const isPrefix = /^\/(?!\/)[^\\?#\p{Cc}]*$/u.test(value) && !/\/\.{1,2}(?:\/|$)/.test(value);
    if (!isPrefix) throw invalidOption(source, `must be a path such as /app, without a query, not ${describe(value)}`);
    return new URL(value, "http://relative").pathname.replace(/\/+$/, "");
  }

  oneOf<Value extends string | number>(name: string, values: readonly Value[], variable?: string): Value | undefined {
    const [value, source] = this.#value(name, variable);
    if (value === undefined || value === "") return undefined;
    const found = values.find((known) => known === value || (source === variable && String(known) === value));
    if (found !== undefined) return found;
    const names = values.map((known) => JSON.stringify(known)).join(", ");
    throw invalidOption(source, `must be one of ${names}, not ${describe(value)}`);
  }

  /** Reads a URL for requests. `fetch` rejects URLs with a password. */
  absoluteUrl(name: string, variable: string): string | undefined {
    const value = this.url(name, variable);
    if (value === undefined || (URL.canParse(value) && new URL(value).username === "")) return value;
    const [, source] = this.#value(name, variable);
    throw invalidOption(source, `must be an absolute http(s) URL without a user, not ${describe(value)}`);
  }

  /** Reads an absolute URL, or `true`. */
  absoluteUrlOrTrue(name: string, variable: string): string | true | undefined {
    return this.#orTrue(name, variable, () => this.absoluteUrl(name, variable));
  }

  /** Reads a URL or a path, or `true`. */
  urlOrTrue(name: string, variable: string): string | true | undefined {
    return this.#orTrue(name, variable, () => this.url(name, variable));
  }

  /** Reads a URL or a path that identifies a server. Others compare it byte by byte, so the text stays unchanged. */
  identifier(name: string, variable?: string): string | undefined {
    return this.url(name, variable) && this.string(name, variable);
  }

  /**
   * Reads hosts such as `example.com:8443`, as origins. The scheme is https, unless the host names another or is this
   * machine. An environment variable separates hosts by spaces or commas.
   */
  hosts(name: string, variable?: string): readonly string[] | undefined {
    return this.list(name, variable)?.map(([host, source]) => {
      const origin = typeof host === "string" ? originOfHost(host) : undefined;
      if (origin !== undefined) return origin;
      throw invalidOption(source, `must contain hosts such as example.com, or origins, not ${describe(host)}`);
    });
  }

  /** Reads the name of a cookie. RFC 6265, section 4.1.1. */
  cookieName(name: string, variable?: string): string | undefined {
    const [, source] = this.#value(name, variable);
    const value = this.string(name, variable);
    if (value === undefined || /^[\w!#$%&'*+.^`|~-]+$/.test(value)) return value;
    throw invalidOption(source, `must be a valid cookie name, not ${describe(value)}`);
  }

  /** Reads a cookie's domain. Browsers ignore a leading dot. RFC 6265, section 5.2.3. */
  domain(name: string, variable?: string): string | undefined {
    const [, source] = this.#value(name, variable);
    const value = this.string(name, variable);
    if (value === undefined || /^\.?[a-z0-9-]+(\.[a-z0-9-]+)*$/i.test(value)) return value;
    throw invalidOption(source, `must be a domain such as example.com, not ${describe(value)}`);
  }

  object(name: string): object | undefined {
    const [value, source] = this.#value(name);
    if (value !== undefined && (typeof value !== "object" || value === null)) {
      throw invalidOption(source, `must be an object, not ${describe(value)}`);
    }
    return value as object | undefined;
  }

  callback(name: string): ((...args: never[]) => unknown) | undefined {
    const [value, source] = this.#value(name);
    if (value !== undefined && typeof value !== "function") {
      throw invalidOption(source, `must be a function, not ${describe(value)}`);
    }
    return value as ((...args: never[]) => unknown) | undefined;
  }

  stringOrCallback(name: string): string | ((...args: never[]) => unknown) | undefined {
    const [value] = this.#value(name);
    return typeof value === "function" ? this.callback(name) : this.string(name);
  }

  stringOrObject(name: string, variable?: string): string | object | undefined {
    const [value] = this.#value(name, variable);
    return typeof value === "object" ? this.object(name) : this.string(name, variable);
  }

  logger(name: string): Logger | undefined {
    const logger = this.object(name) as Partial<Logger> | undefined;
    if (logger !== undefined && (typeof logger.warn !== "function" || typeof logger.error !== "function")) {
      throw invalidOption(this.#prefix + name, "must have the methods warn and error");
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

  /** Reads a value, or `true`. The environment's words for true and false count too; false means unset. */
  #orTrue(name: string, variable: string, read: () => string | undefined): string | true | undefined {
    const [value, source] = this.#value(name, variable);
    const word = source === variable ? booleanOf(value) : value === true || undefined;
    return word === undefined ? read() : word || undefined;
  }

  /** Reads a list of any values, each with its name for errors. An environment variable separates them by spaces or commas. */
  list(name: string, variable?: string): [item: unknown, source: string][] | undefined {
    const [value, source] = this.#value(name, variable);
    if (value === undefined || value === "") return undefined;
    const split = source === variable && typeof value === "string";
    const list: unknown[] = split ? value.split(/[\s,]+/).filter(Boolean) : [value].flat();
    return list.map((item) => [item, source]);
  }

  /** Returns the value, and its name for errors. */
  #value(name: string, variable?: string): [value: unknown, source: string] {
    this.#known.add(name);
    const value = this.#options[name];
    if (value === undefined && variable !== undefined) return [this.environment[variable], variable];
    return [value, this.#prefix + name];
  }
}

/** Returns the boolean that a word in the environment means, in upper or lower case; undefined for any other value. */
function booleanOf(word: unknown): boolean | undefined {
  if (typeof word !== "string") return undefined;
  if (/^\s*(1|true|yes|on)\s*$/i.test(word)) return true;
  return /^\s*(0|false|no|off)\s*$/i.test(word) ? false : undefined;
}

function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  return value === null ? "null" : typeof value;
}
