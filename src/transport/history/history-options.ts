import { compileTopics, isTopicMatcher, type TopicMatcher } from "../../protocol/matching/topic-matcher.js";
import { invalidOption, OptionReader } from "../../shared/option-reader.js";
import { historyDefaults } from "../history-defaults.js";

/** The history length of some topics. */
export interface TopicHistoryLength extends TopicMatcher {
  /** The max number of updates of each of these topics kept for replay; 0 keeps none. */
  readonly length: number;
}

/** The options of every transport's history. All nodes of a hub must have the same. */
export interface HistoryOptions {
  /** The max number of updates of each topic kept for replay. Default 500; 0 keeps none. */
  readonly historyLength?: number | undefined;
  /**
   * The history length of some topics, by name or by pattern: `{ match, match_type, length }`. The first match applies.
   * Relative URL patterns match relative topics. Default none: `historyLength` applies to all topics.
   */
  readonly historyLengths?: readonly TopicHistoryLength[] | undefined;
  /**
   * The max memory of all kept updates, in bytes, by an upper estimate that includes overhead. The oldest updates are
   * evicted first. The hub's own events have a separate budget, of a sixteenth as much again. Default 64 MiB; 0 keeps
   * none.
   */
  readonly maxHistoryBytes?: number | undefined;
}

/** The capacity of a history. */
export interface HistoryLimits {
  /** Returns the max number of updates of a topic. */
  readonly lengthOf: (topic: string) => number;
  /** The max memory of the publishers' updates, in bytes. */
  readonly bytes: number;
  /** The max memory of the hub's own events, in bytes. */
  readonly eventBytes: number;
}

/** The divisor of the events' budget: they can take this fraction of the publishers' budget. */
const eventShare = 16;

/**
 * Returns the capacity of a history with these options.
 *
 * @throws MercureError `ERR_OPTION`
 */
export function historyLimits(options: HistoryOptions = {}): HistoryLimits {
  const read = new OptionReader(options, "", {});
  const limits = readHistoryLimits(read);
  read.refuseUnknown();
  return limits;
}

/**
 * Reads the options of a history among the other options of a transport.
 *
 * @throws MercureError `ERR_OPTION`
 */
export function readHistoryLimits(read: OptionReader): HistoryLimits {
  const length = read.number("historyLength", { min: 0, integer: true }) ?? historyDefaults.length;
  const lengths = (readHistoryLengths(read, "historyLengths") ?? []).map(({ length: own, ...matcher }) => ({
    matchers: compileTopics([matcher], "https://hub.invalid/"),
    length: own,
  }));
  const bytes = read.number("maxHistoryBytes", { min: 0, integer: true }) ?? historyDefaults.bytes;
  return {
    lengthOf: (topic) => lengths.find(({ matchers }) => matchers.matches(topic))?.length ?? length,
    bytes,
    eventBytes: length === 0 ? 0 : bytes / eventShare,
  };
}

/**
 * Reads the history lengths of some topics. A flag or a variable has texts: `/chat=100`, or `urlpattern:/chat/:id=20`.
 *
 * @throws MercureError `ERR_OPTION`, `ERR_TOPIC` for an invalid pattern.
 */
export function readHistoryLengths(
  read: OptionReader,
  name: string,
  variable?: string,
): readonly TopicHistoryLength[] | undefined {
  return read.list(name, variable)?.map(([item, source]) => {
    const rule = typeof item === "string" ? lengthFromText(item) : item;
    if (!isTopicMatcher(rule)) {
      throw invalidOption(source, "must be a list of { match, match_type, length }, or of texts such as /chat=100");
    }
    const { length, ...matcher } = rule as TopicHistoryLength;
    if (!Number.isSafeInteger(length) || length < 0) {
      throw invalidOption(source, `must have a length for ${JSON.stringify(matcher.match)}: a whole number, min 0`);
    }
    compileTopics([matcher], "https://hub.invalid/");
    return { ...matcher, length };
  });
}

function lengthFromText(text: string): Record<keyof TopicHistoryLength, unknown> | undefined {
  const [, type = "exact", match, length] = /^(?:(exact|urlpattern|uritemplate):)?(.+)=(\d+)$/s.exec(text) ?? [];
  return match === undefined ? undefined : { match, match_type: type, length: Number(length) };
}
