import type { Selector } from "../../protocol/active-subscription.js";
import type { TopicMatcher } from "../../protocol/matching/topic-matcher.js";
import type { ProtocolVersion } from "../../protocol/protocol-version.js";
import type { Models } from "./models.js";
import { hubTopics, type Topics, topicNames, topicSelectors } from "./topics.js";

/** Reads topics as the application gives them: names, model classes, model objects and matchers. */
export class TopicReader {
  readonly #models: Models;
  readonly #protocol: ProtocolVersion;

  constructor(models: Models, protocol: ProtocolVersion) {
    this.#models = models;
    this.#protocol = protocol;
  }

  /** Returns the topics of the given names, as URLs carry them. */
  names(topics: Topics): [string, ...string[]] {
    return topicNames(topics, this.#models);
  }

  /** Returns the selectors of a stream: the names of topics, and explicit patterns. */
  selectors(topics: Topics): [Selector, ...Selector[]] {
    return topicSelectors(topics, this.#models, this.#protocol);
  }

  /** Returns the names and matchers that code in this process requests from the hub. */
  forHub(topics: Topics): (string | TopicMatcher)[] {
    return hubTopics(topics, this.#models);
  }
}
