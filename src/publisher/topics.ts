import { MercureError } from "../errors.js";
import { isPlainObject } from "../plain-object.js";
import type { MatchType, Selector } from "../protocol/active-subscription.js";
import type { Generation } from "../protocol/generation.js";
import { isOwnTopic } from "../protocol/own-topics.js";
import type { ModelClass, Models } from "./models.js";

/** A topic matcher, as the tokens of Mercure 1.0 write it: what a stream may ask for besides topics. */
export interface TopicMatcher {
  readonly match: string;
  /** With Mercure 1.0 also `urlpattern`, with 0.x also `uritemplate`. Default `exact`. */
  readonly match_type?: MatchType | "uritemplate" | undefined;
}

/** What names a topic: a string, a model class (its name) or a model object (`Class/id`). */
export type Topic = string | ModelClass | object;

/** One topic or several; when publishing, the first is the canonical one and the others are alternates. */
export type Topics = Topic | readonly Topic[];

/**
 * The topics' names, without repetition.
 *
 * @throws MercureError `ERR_TOPIC` for a value that names no topic, `ERR_MODEL` for an object without an id.
 */
export function topicNames(topics: unknown, models: Models): [string, ...string[]] {
  const list = Array.isArray(topics) ? topics : [topics];
  const names = [...new Set(list.map((topic) => topicName(topic, models)))];
  if (names.length === 0) throw new MercureError("ERR_TOPIC", "A topic is missing: the list of topics is empty.");
  return names as [string, ...string[]];
}

/**
 * What a stream asks for, without repetition: topics by their names, and with Mercure 1.0 matchers.
 *
 * @throws MercureError as {@link topicNames} does, and `ERR_TOPIC` for a URL pattern in Mercure 0.x.
 */
export function topicSelectors(topics: unknown, models: Models, protocol: Generation): [Selector, ...Selector[]] {
  const selectors = new Map<string, Selector>();
  for (const topic of Array.isArray(topics) ? topics : [topics]) {
    const selector = isMatcher(topic) ? matcherSelector(topic, protocol) : { text: topicName(topic, models) };
    selectors.set(`${selector.matchType ?? "exact"} ${selector.text}`, selector);
  }
  const [first, ...others] = selectors.values();
  if (first === undefined) throw new MercureError("ERR_TOPIC", "A topic is missing: the list of topics is empty.");
  return [first, ...others];
}

/**
 * The same for what a token shall grant. Names are made from what visitors choose: one who is called `{+name}` would get
 * everybody's topics by `user/{+name}`, which is a pattern in Mercure 0.x. So here a pattern has to be meant as one.
 *
 * @throws MercureError as {@link topicSelectors} does, and `ERR_TOPIC` for a pattern that is not said to be one.
 */
export function grantedSelectors(topics: unknown, models: Models, protocol: Generation): [Selector, ...Selector[]] {
  const selectors = topicSelectors(topics, models, protocol);
  const named = (Array.isArray(topics) ? topics : [topics]).filter((topic) => !isMeantAsPattern(topic));
  if (named.length === 0) return selectors;
  for (const { text } of topicSelectors(named, models, protocol)) refusePattern(text, protocol);
  return selectors;
}

/** @throws MercureError `ERR_TOPIC` for a name that stands for other topics too. */
export function refusePattern(name: string, protocol: Generation): void {
  if (name !== "*" && (protocol === 1 || !name.includes("{"))) return;
  const type = protocol === 0 ? "uritemplate" : "urlpattern";
  throw new MercureError(
    "ERR_TOPIC",
    `The private topic ${JSON.stringify(name)} is a pattern, which brings other topics too. Where that is meant, write ` +
      `{ match: …, match_type: "${type}" }.`,
  );
}

function isMeantAsPattern(topic: unknown): boolean {
  return isMatcher(topic) && (topic.match_type ?? "exact") !== "exact";
}

/** A plain object: one of a class is a model, whatever its properties are called. */
function isMatcher(topic: unknown): topic is TopicMatcher & Record<string, unknown> {
  return isPlainObject(topic) && Object.hasOwn(topic, "match");
}

function matcherSelector({ match, match_type: matchType = "exact" }: TopicMatcher, protocol: Generation): Selector {
  if (typeof match !== "string" || match === "") {
    throw new MercureError("ERR_TOPIC", 'A topic matcher has no match: { match: "…", match_type: "urlpattern" }.');
  }
  if (matchType === "exact") return { text: usable(match) };
  if (matchType === "uritemplate") {
    if (protocol === 0) return { text: usable(match) };
    throw new MercureError("ERR_TOPIC", "URI templates are of Mercure 0.x; in 1.0 there are URL patterns.");
  }
  if (matchType !== "urlpattern") {
    const given = JSON.stringify(matchType);
    const known = `exact and ${protocol === 0 ? "uritemplate" : "urlpattern"}`;
    throw new MercureError("ERR_TOPIC", `A topic matcher has the match_type ${given}; there are ${known}.`);
  }
  if (protocol === 1) return { text: usable(match), matchType };
  throw new MercureError("ERR_TOPIC", "URL patterns are of Mercure 1.0: set the option protocol to 1.");
}

/** The name of one topic. */
export function topicName(topic: unknown, models: Models): string {
  if (typeof topic === "function") return models.nameOf(topic as ModelClass);
  if (models.isObject(topic)) return models.topicOf(topic);
  if (typeof topic === "string" || topic instanceof String) {
    if (topic.length === 0) throw new MercureError("ERR_TOPIC", "A topic is empty: give it a name.");
    return usable(String(topic));
  }
  const given = describe(topic);
  const hint = topic === undefined ? " A string stands in quotes, a variable has to exist." : "";
  throw new MercureError(
    "ERR_TOPIC",
    `A topic is ${given}; it must be a string, a model class or a model object.${hint}`,
  );
}

/**
 * Where a part of a topic was missing, everybody without it would share one stream, private ones too. And whoever could
 * stream the kit's own topics by their names would get what it keeps apart.
 */
function usable(topic: string): string {
  if (isOwnTopic(topic)) throw new MercureError("ERR_TOPIC", `The topic ${JSON.stringify(topic)} is the kit's own.`);
  const absence = /(?:^|[/:])(undefined|null|NaN)(?=$|[/:?#])|(\[object \w+\])/.exec(topic);
  if (absence === null) return topic;
  const part = absence[1] ?? absence[2];
  throw new MercureError(
    "ERR_TOPIC",
    `The topic ${JSON.stringify(topic)} was made from a value that is missing: ${part}.`,
  );
}

function describe(topic: unknown): string {
  if (topic === null) return "null";
  if (Array.isArray(topic)) return "a list in a list";
  if (typeof topic === "object") return "a plain object";
  return topic === undefined ? "undefined" : `a ${typeof topic}`;
}
