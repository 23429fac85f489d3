import { monitorEventLoopDelay } from "node:perf_hooks";
import { Figure } from "./figure.js";

const resolution = 10;

/** Measures this process. */
export class Meter {
  readonly #processor = new Figure("Processor", "% of a core", { ceiling: 25 });
  readonly #memory = new Figure("Memory", "MB", { ceiling: 200 });
  readonly #delay = new Figure("Longest event-loop delay", "ms", { digits: 1, ceiling: 10 });
  readonly #streams = new Figure("Open streams", "now", { ceiling: 4 });
  readonly #requests = new Figure("Requests", "per minute", { sum: true, ceiling: 4 });
  readonly #changes = new Figure("Changes by visitors", "per minute", { sum: true, ceiling: 4 });

  readonly process = [this.#processor, this.#memory, this.#delay];
  readonly traffic = [this.#streams, this.#requests, this.#changes];

  #newRequests = 0;
  #newChanges = 0;
  #measuredAt = performance.now();
  #processorTime = process.cpuUsage();
  readonly #eventLoop = monitorEventLoopDelay({ resolution });

  constructor() {
    this.#eventLoop.enable();
  }

  /** A middleware that measures each request. */
  readonly countRequest = (_req: unknown, _res: unknown, next: () => void): void => {
    this.#newRequests++;
    next();
  };

  countChange(): void {
    this.#newChanges++;
  }

  /** Adds the time since the last call to all figures. */
  measure(streams: number): void {
    const now = performance.now();
    const { user, system } = process.cpuUsage(this.#processorTime);
    this.#processor.add((user + system) / 10 / (now - this.#measuredAt));
    this.#memory.add(process.memoryUsage.rss() / 1e6);
    // The histogram counts from one firing of its timer to the next.
    this.#delay.add(Math.max(0, this.#eventLoop.max / 1e6 - resolution));
    this.#streams.add(streams);
    this.#requests.add(this.#newRequests);
    this.#changes.add(this.#newChanges);

    this.#measuredAt = now;
    this.#processorTime = process.cpuUsage();
    this.#eventLoop.reset();
    this.#newRequests = 0;
    this.#newChanges = 0;
  }
}
