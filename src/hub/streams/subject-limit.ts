import type { NodeStreams } from "../nodes/node-streams.js";

export interface SubjectLimitOptions {
  readonly nodes: NodeStreams;
  /** The max number of a subject's streams; 0 for unlimited. */
  readonly max: number;
  /** Whether a subject has more streams than that, as far as this node knows. */
  isExceeded(subject: string): boolean;
  /** Ends the streams of this node among those with these ids. */
  end(subscribers: ReadonlySet<string>): void;
}

/**
 * Ends the newest streams of a subject above its max. Several nodes can admit streams before they know of each other's.
 * All nodes make the same choice, so the subject keeps the allowed number of streams.
 */
export class SubjectLimit {
  readonly #options: SubjectLimitOptions;
  readonly #due = new Set<string>();

  constructor(options: SubjectLimitOptions) {
    this.#options = options;
    options.nodes.onSubject = (subject) => this.check(subject);
  }

  /** Called after a stream of the subject has begun, on any node. */
  check(subject: string): void {
    const { max, isExceeded } = this.#options;
    if (max === 0 || !isExceeded(subject)) return;
    // Many streams can begin in one turn.
    if (this.#due.size === 0) queueMicrotask(() => this.#enforce());
    this.#due.add(subject);
  }

  #enforce(): void {
    const { nodes, max, end } = this.#options;
    for (const subject of this.#due) end(nodes.newest(subject, max));
    this.#due.clear();
  }
}
