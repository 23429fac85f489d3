import type { Heard, NodeRecord, RunRecord } from "./checker.js";

/** The output of a node, line by line. */
export class NodeLog {
  readonly name: string;
  readonly sent: string[] = [];
  readonly acknowledged: string[] = [];
  readonly heard: Heard[] = [];
  readonly gaps: { after: number; through: number }[] = [];
  /** The errors of updates that were not acknowledged. */
  readonly failures: { code: string; message: string }[] = [];
  /** The state of the transport, once it has changed. */
  state: string | undefined;
  isStarted = false;
  #from = 0;
  #to = 0;
  readonly #listeners = new Set<(log: NodeLog) => void>();

  constructor(name: string) {
    this.name = name;
  }

  /** Calls a listener now and after each line. */
  onLine(listener: (log: NodeLog) => void): void {
    this.#listeners.add(listener);
    listener(this);
  }

  read(line: string): void {
    const [kind, ...fields] = line.split(" ");
    const [first = "", second = "", ...rest] = fields;
    if (kind === "sent") this.sent.push(first);
    else if (kind === "acknowledged") this.acknowledged.push(first);
    else if (kind === "failed") this.failures.push({ code: second, message: rest.join(" ") });
    else if (kind === "state") this.state = first;
    else if (kind === "to") this.#to = Number(first);
    else if (kind === "from") {
      this.isStarted = true;
      this.#from = this.#to = Number(first);
    } else if (kind === "heard") {
      this.#to = Number(first);
      this.heard.push({ position: this.#to, data: second });
    } else if (kind === "gap") {
      this.#to = Number(second);
      this.gaps.push({ after: Number(first), through: this.#to });
    } else throw new Error(`${this.name} printed: ${line}`);
    for (const listener of this.#listeners) listener(this);
  }

  get record(): NodeRecord {
    return { name: this.name, from: this.#from, to: this.#to, heard: this.heard, gaps: this.gaps };
  }
}

/** Joins what all nodes of a run have printed. */
export function runOf(logs: readonly NodeLog[], history?: readonly Heard[]): RunRecord {
  return {
    sent: logs.flatMap(({ sent }) => sent),
    acknowledged: logs.flatMap(({ acknowledged }) => acknowledged),
    nodes: logs.filter(({ isStarted }) => isStarted).map(({ record }) => record),
    ...(history !== undefined && { history }),
  };
}
