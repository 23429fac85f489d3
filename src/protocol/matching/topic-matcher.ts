import { MercureError } from "../../shared/errors.js";
import { isPlainObject } from "../../shared/plain-object.js";
import type { MatchType } from "../active-subscription.js";
import { compileExact, compileSelector, compileUrlPattern, type Matcher, MatcherList } from "./matcher.js";

/**
 * A topic matcher, in the form of Mercure 1.0 tokens. It is the only way to specify a pattern.
 *
 * @example
 * ```ts
 * const orders: TopicMatcher = { match: "/orders/{id}", match_type: "uritemplate" };
 * ```
 */
export interface TopicMatcher {
  /** The name or the pattern. */
  readonly match: string;
  /** The type of the matcher. Mercure 1.0 adds `urlpattern`, 0.x adds `uritemplate`. Default `exact`. */
  readonly match_type?: MatchType | "uritemplate" | undefined;
}

/**
 * Returns whether a value is a topic matcher. It must be a plain object: an instance of a class is a model, whatever
 * its properties are called.
 */
export function isTopicMatcher(value: unknown): value is TopicMatcher {
  return isPlainObject(value) && Object.hasOwn(value, "match");
}

/**
 * Compiles topics from code in this process. A string is always the name of one topic, whatever it contains, because
 * applications build names from visitors' input. Only a {@link TopicMatcher} can be a pattern.
 *
 * @param hubUrl - The hub's absolute URL. Relative URL patterns resolve against it.
 * @throws MercureError `ERR_TOPIC`
 */
export function compileTopics(
  topics: string | TopicMatcher | readonly (string | TopicMatcher)[],
  hubUrl: string,
): MatcherList {
  const list: readonly unknown[] = Array.isArray(topics) ? topics : [topics];
  return new MatcherList(
    list.map((topic) => (isTopicMatcher(topic) ? compileMeant(topic, hubUrl) : compileName(topic))),
  );
}

function compileMeant({ match, match_type: type = "exact" }: TopicMatcher, hubUrl: string): Matcher {
  if (type === "exact" || typeof match !== "string" || match === "") return compileName(match);
  if (type === "uritemplate") return compileSelector(match);
  if (type === "urlpattern") return compileUrlPattern(match, hubUrl);
  const given = JSON.stringify(type);
  throw new MercureError(
    "ERR_TOPIC",
    `The match_type of a topic matcher is ${given}; it must be exact, uritemplate or urlpattern.`,
  );
}

/** Compiles a name as a selector of Mercure 0.x where possible. A name with braces would be a template there. */
function compileName(name: unknown): Matcher {
  if (typeof name !== "string" || name === "") {
    throw new MercureError("ERR_TOPIC", "A topic must be a non-empty string, or { match, match_type }.");
  }
  if (name === "*") throw everyTopic("uritemplate");
  return name.includes("{") ? compileExact(name) : compileSelector(name);
}

/** Returns the error for the name `*`, which stands for all topics. */
export function everyTopic(type: "uritemplate" | "urlpattern"): MercureError {
  const message = `The topic "*" means all topics. To stream them all, write { match: "*", match_type: "${type}" }.`;
  return new MercureError("ERR_TOPIC", message);
}
