import { URLPattern } from "urlpattern-polyfill/urlpattern";
import type { Literal } from "./literal-index.js";
import { LinearExpression, largestExpression } from "./re2-expression.js";
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

/** The max number of groups, of whatever kind, since the polyfill takes time that grows with their square. */
const mostGroups = 100;

/** The schemes whose URLs have a path of segments, whatever follows them. URL standard, section 4.2. */
const specialSchemes = ["http", "https", "ws", "wss", "ftp", "file"];

/**
 * A URL pattern, evaluated by an engine that is linear in the length of the topic.
 *
 * The polyfill parses and normalizes: Node 20 has no `URLPattern`, and both would evaluate by backtracking. Groups whose
 * regular expressions need that, with look-around or back references, are refused.
 *
 * Mercure 1.0 "URL Pattern"; URL Pattern Living Standard.
 */
export class LinearUrlPattern {
  /** The cost of an evaluation for each character of a topic. */
  readonly size: number;
  /** The beginning of the path of every topic that matches; undefined when it may be any. */
  readonly literal: Literal | undefined;
  readonly #baseUrl: string;
  readonly #components: readonly (readonly [Name, Component])[];

  /**
   * @param baseUrl - What relative patterns and relative topics are resolved against: the hub's URL.
   * @throws Error when the pattern is invalid, or cannot be evaluated in bounded time.
   */
  constructor(pattern: string, baseUrl: string) {
    if (numberOfGroups(pattern) > mostGroups) throw new Error(`The pattern has more than ${mostGroups} groups.`);
    const parsed = parse(pattern, baseUrl);
    const protocol = compileComponent(parsed.protocol, plain);
    const hasSegments = specialSchemes.some((scheme) => protocol.matches(scheme));
    const segments: Partial<Record<Name, Segments>> = { hostname: host, ...(hasSegments && { pathname: path }) };
    this.#baseUrl = baseUrl;
    this.#components = names
      // A component that may be anything needs no looking at.
      .filter((name) => parsed[name] !== "*")
      .map((name) => [name, compileComponent(parsed[name], segments[name] ?? plain)] as const);
    this.size = this.#components.reduce((sum, [, expression]) => sum + expression.size, 1);
    if (this.size > largestExpression) throw new Error("The pattern is too large.");
    const beginning = parsed.pathname === "*" ? "" : beginningOf(parsed.pathname);
    if (beginning !== "") this.literal = pathBeginsWith(beginning, baseUrl);
    // Only compiling tells whether the groups' own expressions are linear.
    for (const [, expression] of this.#components) expression.prepare?.();
  }

  /** A topic that is no URL, even relative to the hub's, does not match. */
  matches(topic: string): boolean {
    const url = parseTopic(topic, this.#baseUrl);
    if (url === undefined) return false;
    return this.#components.every(([name, expression]) => expression.matches(componentOf(url, name)));
  }
}

/** The cost of parsing a topic as a URL, besides its length, in steps. */
const stepsPerUrl = 50;

/** Names, expressions, wildcards and braces; never less than there are. */
function numberOfGroups(pattern: string): number {
  return pattern.match(/[:({*]/g)?.length ?? 0;
}

function pathBeginsWith(text: string, baseUrl: string): Literal {
  const keyIn = (topic: string) => parseTopic(topic, baseUrl)?.pathname;
  const isIn = (topic: string) => keyIn(topic)?.startsWith(text) ?? false;
  return { isIn, kind: `path ${baseUrl}`, key: text, keyIn };
}

/** The latest topic: one after the other, all patterns are asked about the same. */
let latest: { readonly topic: string; readonly baseUrl: string; readonly url: URL | undefined } | undefined;

function parseTopic(topic: string, baseUrl: string): URL | undefined {
  if (latest?.topic !== topic || latest.baseUrl !== baseUrl) {
    work.steps += stepsPerUrl + topic.length;
    latest = { topic, baseUrl, url: URL.canParse(topic, baseUrl) ? new URL(topic, baseUrl) : undefined };
  }
  return latest.url;
}

/** Most components are mere text, which needs no engine. */
function compileComponent(pattern: string, segments: Segments): Component {
  if (/[\\{}():*+?]/.test(pattern)) {
    return new LinearExpression(componentSource(pattern, segments), beginningOf(pattern));
  }
  return { size: 1, matches: (text) => text === pattern };
}

/** The text before the first group, without the last separator, which may be part of the group. */
function beginningOf(pattern: string): string {
  return /^[^\\{}():*+?]*/.exec(pattern)![0].replace(/[/.]$/, "");
}

/** The standard would resolve the path of an absolute `urn\:x\:*` against the base too, but Mercure wants a name. */
function parse(pattern: string, baseUrl: string): URLPattern {
  try {
    return new URLPattern(pattern);
  } catch {
    return new URLPattern(pattern, baseUrl);
  }
}

/** Without the marks that delimit a component and belong to no pattern. */
function componentOf(url: URL, name: Name): string {
  if (name === "protocol") return url.protocol.slice(0, -1);
  return name === "search" || name === "hash" ? url[name].slice(1) : url[name];
}
