import { URLPattern } from "urlpattern-polyfill/urlpattern";
import type { Literal } from "./literal-index.js";
import { maxExpressionSize, Re2Expression } from "./re2-expression.js";
import { componentSource, type Segments } from "./url-pattern-component.js";
import { work } from "./work.js";

const names = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash"] as const;

type Name = (typeof names)[number];

interface Component {
  readonly size: number;
  matches(text: string): boolean;
  prepare?(): void;
}

const plain: Segments = { delimiter: "", prefix: "" };
const host: Segments = { delimiter: ".", prefix: "" };
const path: Segments = { delimiter: "/", prefix: "/" };

/** The max number of groups of any kind. The polyfill takes time that is quadratic in their number. */
const maxGroups = 100;

/** The schemes whose URLs always have a path of segments. URL standard, section 4.2. */
const specialSchemes = ["http", "https", "ws", "wss", "ftp", "file"];

/**
 * A URL pattern, evaluated in time linear in the topic's length.
 *
 * The polyfill parses and normalizes the pattern: Node 20 has no `URLPattern`, and both would evaluate by backtracking.
 * The constructor rejects groups with look-around or back references, which need backtracking.
 *
 * Mercure 1.0 "URL Pattern"; URL Pattern Living Standard.
 */
export class SafeUrlPattern {
  /** The cost of an evaluation for each character of a topic. */
  readonly size: number;
  /** The beginning of the path of every topic that matches. Undefined when the path can begin with anything. */
  readonly literal: Literal | undefined;
  readonly #baseUrl: string;
  readonly #components: readonly (readonly [Name, Component])[];

  /**
   * @param baseUrl - The hub's URL. Relative patterns and relative topics resolve against it.
   * @throws Error when the pattern is invalid, or cannot be evaluated in bounded time.
   */
  constructor(pattern: string, baseUrl: string) {
    if (numberOfGroups(pattern) > maxGroups) throw new Error(`The pattern has more than ${maxGroups} groups.`);
    const parsed = parse(pattern, baseUrl);
    const protocol = compileComponent(parsed.protocol, plain);
    const hasSegments = specialSchemes.some((scheme) => protocol.matches(scheme));
    const segments: Partial<Record<Name, Segments>> = { hostname: host, ...(hasSegments && { pathname: path }) };
    this.#baseUrl = baseUrl;
    this.#components = names
      // A component that accepts anything needs no evaluation.
      .filter((name) => parsed[name] !== "*")
      .map((name) => [name, compileComponent(parsed[name], segments[name] ?? plain)] as const);
    this.size = this.#components.reduce((sum, [, expression]) => sum + expression.size, 1);
    if (this.size > maxExpressionSize) throw new Error("The pattern is too large.");
    const beginning = parsed.pathname === "*" ? "" : beginningOf(parsed.pathname);
    if (beginning !== "") this.literal = pathBeginsWith(beginning, baseUrl);
    // Only compilation shows whether the groups' own expressions are linear.
    for (const [, expression] of this.#components) expression.prepare?.();
  }

  /** Returns whether a topic matches. A topic must be a URL, absolute or relative to the hub's. */
  matches(topic: string): boolean {
    const url = parseTopic(topic, this.#baseUrl);
    if (url === undefined) return false;
    return this.#components.every(([name, expression]) => expression.matches(componentOf(url, name)));
  }
}

/** The fixed cost of parsing a topic as a URL, in steps. The topic's length is added. */
const stepsPerUrl = 50;

/** Returns an upper bound for the number of groups: names, expressions, wildcards and braces. */
function numberOfGroups(pattern: string): number {
  return pattern.match(/[:({*]/g)?.length ?? 0;
}

function pathBeginsWith(text: string, baseUrl: string): Literal {
  const keyIn = (topic: string) => parseTopic(topic, baseUrl)?.pathname;
  const isIn = (topic: string) => keyIn(topic)?.startsWith(text) ?? false;
  return { isIn, kind: `path ${baseUrl}`, key: text, keyIn };
}

/** The most recently parsed topic. The hub evaluates all patterns against one topic before the next topic. */
let latest: { readonly topic: string; readonly baseUrl: string; readonly url: URL | undefined } | undefined;

function parseTopic(topic: string, baseUrl: string): URL | undefined {
  if (latest?.topic !== topic || latest.baseUrl !== baseUrl) {
    work.steps += stepsPerUrl + topic.length;
    latest = { topic, baseUrl, url: URL.canParse(topic, baseUrl) ? new URL(topic, baseUrl) : undefined };
  }
  return latest.url;
}

/** Compiles a component. Most components are plain text, which needs no engine. */
function compileComponent(pattern: string, segments: Segments): Component {
  if (/[\\{}():*+?]/.test(pattern)) {
    return new Re2Expression(componentSource(pattern, segments), beginningOf(pattern));
  }
  return { size: 1, matches: (text) => text === pattern };
}

/** Returns the text before the first group, without the last separator, because the group can include it. */
function beginningOf(pattern: string): string {
  return /^[^\\{}():*+?]*/.exec(pattern)![0].replace(/[/.]$/, "");
}

/**
 * Parses a pattern, first without the base URL. The standard would also resolve the path of an absolute `urn\:x\:*`
 * against the base, but in Mercure that pattern is a name.
 */
function parse(pattern: string, baseUrl: string): URLPattern {
  try {
    return new URLPattern(pattern);
  } catch {
    return new URLPattern(pattern, baseUrl);
  }
}

/** Returns a component of a URL without its delimiters, which are not part of patterns. */
function componentOf(url: URL, name: Name): string {
  if (name === "protocol") return url.protocol.slice(0, -1);
  return name === "search" || name === "hash" ? url[name].slice(1) : url[name];
}
