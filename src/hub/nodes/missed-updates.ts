import type { Selector } from "../../protocol/active-subscription.js";
import { OldestFirstMap } from "../../shared/oldest-first-map.js";
import type { ControlChannel } from "../auth/control-channel.js";

/** The max number of names. */
const capacity = 10_000;
/** The max time that a page waits before it resumes, in milliseconds. The max lifetime of its token is shorter. */
const lifetime = 86_400_000;

/**
 * Remembers the topics with updates that were never published, such as those for a variant that the publishing node did
 * not know. Every node tells a stream that has missed such updates of a gap.
 */
export class MissedUpdates {
  readonly #channel: ControlChannel;
  readonly #onMissed: (name: string) => void;
  readonly #through = new OldestFirstMap<string, number>();

  /** @param onMissed - Called with a topic whose streams have missed updates. */
  constructor(channel: ControlChannel, onMissed: (name: string) => void, onError: (error: unknown) => void) {
    this.#channel = channel;
    this.#onMissed = onMissed;
    channel.readAll((data, position) => this.#note(data, position)).catch(onError);
  }

  /** Returns the last position that one of the topics has missed updates up to; 0 for none. */
  through(selectors: readonly Selector[]): number {
    if (this.#through.size === 0) return 0;
    return Math.max(0, ...selectors.map(({ text }) => this.#through.get(text) ?? 0));
  }

  /** Tells all nodes that streams of a topic have missed updates until now. */
  async tell(name: string): Promise<void> {
    const data = JSON.stringify({ kind: "missed", name });
    await this.#channel.send({ data, key: `missed ${name}`, until: this.#channel.now() + lifetime });
  }

  execute(data: string, position: number): void {
    const name = this.#note(data, position);
    if (name !== undefined) this.#onMissed(name);
  }

  #note(data: string, position: number): string | undefined {
    const { kind, name } = JSON.parse(data) as { kind?: string; name?: string };
    if (kind !== "missed" || name === undefined) return undefined;
    this.#through.delete(name);
    this.#through.set(name, position);
    if (this.#through.size > capacity) this.#through.shift();
    return name;
  }
}
