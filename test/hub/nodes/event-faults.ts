/** A subscription event, as a subscriber of its topic hears it. */
export interface HeardEvent {
  readonly subscriber: string;
  readonly active: boolean;
}

/** The truth about a stream. */
export interface StreamTruth {
  readonly isOpen: boolean;
  /** How often the other nodes can have considered the stream's node ended, while the stream was open. */
  readonly absences: number;
}

/**
 * Returns what is wrong with the events of a history. The events of a stream begin with an active one and alternate,
 * the last one tells the truth, and a stream has one active event, and one more at most for each absence of its node.
 */
export function eventFaults(events: readonly HeardEvent[], streams: ReadonlyMap<string, StreamTruth>): string[] {
  const faults: string[] = [];
  const states = new Map([...streams.keys()].map((subscriber) => [subscriber, [] as boolean[]]));
  for (const { subscriber, active } of events) {
    const heard = states.get(subscriber);
    if (heard === undefined) faults.push(`${subscriber}: unknown`);
    else heard.push(active);
  }
  for (const [subscriber, { isOpen, absences }] of streams) {
    const heard = states.get(subscriber)!;
    const fault = (what: string) => faults.push(`${subscriber}: ${what}: ${heard.join(" ") || "no event"}`);
    if (heard.some((active, i) => active !== (i % 2 === 0))) fault("does not alternate");
    if (heard.at(-1) !== isOpen) fault(`is ${isOpen ? "open" : "ended"}`);
    if (heard.filter((active) => active).length > 1 + absences) fault("begins too often");
  }
  return faults;
}
