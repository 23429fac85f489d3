import type { UpdatesOptions } from "../../hub/streams/update-reader.js";
import { nameOf } from "../../protocol/carried-name.js";
import type { Update } from "../../protocol/update.js";
import { assertKnownOptions } from "../../shared/known-options.js";
import type { HubPort } from "../hub/hub-port.js";
import type { TopicReader } from "../publish/topic-reader.js";
import type { Topics } from "../publish/topics.js";
import type { Variants } from "../publish/variants.js";

const updatesOptions: readonly string[] = ["lastEventId", "signal"] satisfies (keyof UpdatesOptions)[];

export interface ApplicationUpdatesOptions {
  readonly hub: HubPort;
  readonly topics: TopicReader;
  readonly variants: Variants;
}

/** Iterates over updates for the application's code, with topics by the names that the application wrote. */
export class ApplicationUpdates {
  readonly #options: ApplicationUpdatesOptions;

  constructor(options: ApplicationUpdatesOptions) {
    this.#options = options;
  }

  of(topics: Topics, options: UpdatesOptions = {}): AsyncIterableIterator<Update> {
    assertKnownOptions(options, updatesOptions, "updates");
    const { hub, variants } = this.#options;
    const asked = this.#options.topics.forHub(topics);
    variants.renderedPlain(asked.map((topic) => (typeof topic === "string" ? topic : "*")));
    return withNames(hub.updates(asked, options));
  }
}

function withNames(updates: AsyncIterableIterator<Update>): AsyncIterableIterator<Update> {
  return {
    next: async () => named(await updates.next()),
    return: async () => named(await updates.return!()),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function named({ done, value }: IteratorResult<Update>): IteratorResult<Update> {
  if (done) return { done, value };
  const topics = value.topics.map(nameOf);
  return {
    done: false,
    value: topics.every((topic, index) => topic === value.topics[index]) ? value : { ...value, topics },
  };
}
