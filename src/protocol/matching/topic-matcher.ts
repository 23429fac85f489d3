import { MercureError } from "../../shared/errors.js";
import { isPlainObject } from "../../shared/plain-object.js";
import type { MatchType } from "../active-subscription.js";
import { compileExact, compileSelector, compileUrlPattern, type Matcher, MatcherList } from "./matcher.js";

/** A topic matcher, as the tokens of Mercure 1.0 write it. It is the only way to say that a pattern is meant. */
export interface TopicMatcher {
  readonly match: string;
  /** With Mercure 1.0 also `urlpattern`, with 0.x also `uritemplate`. Default `exact`. */
  readonly match_type?: MatchType | "uritemplate" | undefined;
}

/** A plain object: one of a class is a model, whatever its properties are called. */
export function isTopicMatcher(value: unknown): value is TopicMatcher {
  return isPlainObject(value) && Object.hasOwn(value, "match");
}

/**
 * Compiles what code in this process asks the hub for. A string is the name of one topic, whatever is in it: names are
 * made from what visitors choose. Only a {@link TopicMatcher} can be a pattern.
 *
 * @param hubUrl - The hub's absolute URL, against which relative URL patterns are resolved.
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
    `A topic matcher has the match_type ${given}; there are exact, uritemplate and urlpattern.`,
  );
}

/** As Mercure 0.x has it, where it can name the topic; there, braces make a pattern. */
function compileName(name: unknown): Matcher {
  if (typeof name !== "string" || name === "") {
    throw new MercureError("ERR_TOPIC", "A topic must be a string that is not empty, or { match, match_type }.");
  }
  if (name === "*") throw everyTopic("uritemplate");
  return name.includes("{") ? compileExact(name) : compileSelector(name);
}

/** The error for the name that stands for all topics. */
export function everyTopic(type: "uritemplate" | "urlpattern"): MercureError {
  const message = `The topic "*" stands for all topics. To stream them all, write { match: "*", match_type: "${type}" }.`;
  return new MercureError("ERR_TOPIC", message);
}
