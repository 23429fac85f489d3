import type { Selector } from "../../protocol/active-subscription.js";
import { carriedName } from "../../protocol/carried-name.js";
import { forbiddenCharacter } from "../../protocol/characters.js";
import { everyTopic, isTopicMatcher, type TopicMatcher } from "../../protocol/matching/topic-matcher.js";
import { isInternalTopic } from "../../protocol/own-topics.js";
import type { ProtocolVersion } from "../../protocol/protocol-version.js";
import { MercureError } from "../../shared/errors.js";
import { isThenable, textComplaintOf } from "../../shared/text.js";
import type { ModelClass, Models } from "./models.js";

/** The name of a topic: a string, a model class (its name) or a model object (`Class/id`). */
export type Topic = string | ModelClass | object;

/** One topic or several. The first is the canonical topic of an update, and the others are alternates. */
export type Topics = Topic | readonly Topic[];

/**
 * Returns the topics of the given names, without repetition.
 *
 * @throws MercureError `ERR_TOPIC` for an invalid name, `ERR_MODEL` for an object without an id.
 */
export function topicNames(topics: unknown, models: Models): [string, ...string[]] {
  const list = Array.isArray(topics) ? topics : [topics];
  const names = [...new Set(list.map((topic) => topicName(topic, models)))];
  if (names.length === 0) throw new MercureError("ERR_TOPIC", "A topic is missing: the list of topics is empty.");
  return names as [string, ...string[]];
}

/**
 * Returns the selectors of a stream's URL or a token, without repetition. A string, a class or an object is the name of
 * one topic, and only a matcher can be a pattern.
 *
 * Names often contain user input. With `user/{+name}`, a user named `{+name}` would receive everybody's topics, because
 * Mercure 0.x reads the name as a pattern.
 *
 * @throws MercureError as {@link topicNames} does, and `ERR_TOPIC` for a name that hubs read as a pattern, and for a
 * pattern type that the version does not support.
 */
export function topicSelectors(topics: unknown, models: Models, protocol: ProtocolVersion): [Selector, ...Selector[]] {
  const selectors = new Map<string, Selector>();
  for (const topic of Array.isArray(topics) ? topics : [topics]) {
    const selector = isTopicMatcher(topic)
      ? matcherSelector(topic, protocol)
      : { text: literal(topicName(topic, models), protocol) };
    selectors.set(`${selector.matchType ?? "exact"} ${selector.text}`, selector);
  }
  const [first, ...others] = selectors.values();
  if (first === undefined) throw new MercureError("ERR_TOPIC", "A topic is missing: the list of topics is empty.");
  return [first, ...others];
}

/**
 * Returns the names and matchers that code in this process requests from the hub. Names can contain any characters.
 *
 * @throws MercureError as {@link topicNames} does.
 */
export function hubTopics(topics: unknown, models: Models): (string | TopicMatcher)[] {
  const list: readonly unknown[] = Array.isArray(topics) ? topics : [topics];
  if (list.length === 0) throw new MercureError("ERR_TOPIC", "A topic is missing: the list of topics is empty.");
  return list.map((topic) => {
    if (!isTopicMatcher(topic)) {
      const name = topicName(topic, models);
      if (name === "*") throw everyTopic("uritemplate");
      return name;
    }
    const match = matchOf(topic);
    const { match_type = "exact" } = topic;
    if (match_type !== "exact") return { match: usable(match), match_type };
    if (match === "*") throw everyTopic("uritemplate");
    return usable(match);
  });
}

/**
 * Returns a topic's name unchanged.
 *
 * @throws MercureError `ERR_TOPIC` for a name that a hub would read as a pattern.
 */
function literal(name: string, protocol: ProtocolVersion): string {
  const type = protocol === 0 ? "uritemplate" : "urlpattern";
  if (name === "*") throw everyTopic(type);
  if (protocol === 1 || !name.includes("{")) return name;
  throw new MercureError(
    "ERR_TOPIC",
    `The topic ${JSON.stringify(name)} is a pattern for hubs of Mercure 0.x, and matches other topics too. For a pattern, ` +
      `write { match: …, match_type: "${type}" }. For a name, use encodeURIComponent(…).`,
  );
}

function matchOf({ match }: TopicMatcher): string {
  if (typeof match === "string" && match !== "") return match;
  throw new MercureError("ERR_TOPIC", 'A topic matcher needs match: { match: "…", match_type: "urlpattern" }.');
}

function matcherSelector(matcher: TopicMatcher, protocol: ProtocolVersion): Selector {
  const match = matchOf(matcher);
  const { match_type: matchType = "exact" } = matcher;
  if (matchType === "exact") return { text: literal(usable(match), protocol) };
  if (matchType === "uritemplate") {
    if (protocol === 0) return { text: usable(match) };
    throw new MercureError("ERR_TOPIC", "URI templates need Mercure 0.x; use URL patterns in Mercure 1.0.");
  }
  if (matchType !== "urlpattern") {
    const given = JSON.stringify(matchType);
    const known = `exact or ${protocol === 0 ? "uritemplate" : "urlpattern"}`;
    throw new MercureError("ERR_TOPIC", `The match_type of a topic matcher is ${given}; it must be ${known}.`);
  }
  if (protocol === 1) return { text: usable(match), matchType };
  throw new MercureError("ERR_TOPIC", "URL patterns need Mercure 1.0: set the option protocol to 1.");
}

/** Returns the topic of one name. */
function topicName(topic: unknown, models: Models): string {
  if (typeof topic === "function") return carried(models.nameOf(topic as ModelClass));
  if (isThenable(topic)) throw new MercureError("ERR_TOPIC", `A topic is ${textComplaintOf(topic)}.`);
  if (models.isObject(topic)) return carried(models.topicOf(topic));
  if (typeof topic === "string" || topic instanceof String) {
    if (topic.length === 0) throw new MercureError("ERR_TOPIC", "A topic is empty: give it a name.");
    return usable(String(topic));
  }
  const given = describe(topic);
  const hint =
    topic === undefined
      ? "Check that a string has quotes and that a variable exists."
      : "Check that a name has quotes.";
  throw new MercureError(
    "ERR_TOPIC",
    `A topic is ${given}; it must be a string, a model class or a model object. ${hint}`,
  );
}

/**
 * Returns the topic of a name that is safe to use.
 *
 * A topic with a missing part, such as `undefined`, would be one stream shared by everybody without that part, private
 * streams included. The library's own topics are reserved: a stream of them by name would bypass the library's separation.
 *
 * @throws MercureError `ERR_TOPIC` for either.
 */
function usable(topic: string): string {
  if (isInternalTopic(topic))
    throw new MercureError("ERR_TOPIC", `The topic ${JSON.stringify(topic)} is reserved for htmx-mercure.`);
  const absence = /(?:^|[/:])(undefined|null|NaN)(?=$|[/:?#])|(\[object \w+\])/.exec(topic);
  if (absence === null) return carried(topic);
  const part = absence[1] ?? absence[2];
  throw new MercureError(
    "ERR_TOPIC",
    `The topic ${JSON.stringify(topic)} contains ${part}: one of its values is missing or has no text.`,
  );
}

/**
 * Returns a name as topics carry it.
 *
 * @throws MercureError `ERR_TOPIC` for characters that {@link carriedName} leaves and hubs reject: line breaks, other
 * control characters and lone surrogates.
 */
function carried(name: string): string {
  const topic = carriedName(name);
  const character = forbiddenCharacter(topic);
  if (character === undefined) return topic;
  throw new MercureError(
    "ERR_TOPIC",
    `The topic ${JSON.stringify(name)} contains ${character}, which hubs reject. Remove it, or percent-encode ` +
      "the name.",
  );
}

function describe(topic: unknown): string {
  if (topic === null) return "null";
  if (Array.isArray(topic)) return "a list in a list";
  if (typeof topic === "object") return "a plain object";
  return topic === undefined ? "undefined" : `a ${typeof topic}`;
}
