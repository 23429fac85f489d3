import type { Nodes } from "../../transport/nodes.js";
import { decodeNode, encodeNode, type LivingNode } from "./node-record.js";
import { decodeStream, encodeStream, type NodeStream, type RecordedState } from "./stream-record.js";

/** Keys of a node's entries. A newer node can have others. */
const nodeKey = "n";
const streamPrefix = "s/";
const uuidPrefix = "urn:uuid:";

/** The max time that a control message waits for the other nodes, in milliseconds. */
const maxConfirmation = 1000;

/** A listener for the streams of the other nodes. */
export interface NodeStreamsListener {
  begin(stream: NodeStream, node: string): void;
  /** @param state - `disconnected` for an end by a disconnection. */
  end(stream: NodeStream, state: RecordedState): void;
  /**
   * Called once for a node that has ended, after `end` for each of its streams. The node may have left without
   * announcing the end of these streams to subscribers.
   */
  gone(node: string, life: number, streams: readonly NodeStream[]): void;
  /** Called for ended streams that a living node has removed. */
  forgotten(streams: readonly NodeStream[]): void;
  /** Called when a node begins to live, or returns after the others have considered it ended. */
  living(node: string, life: number): void;
  /** Called when this node returns after the others have considered it ended. */
  returned(): void;
}

/** The ends at a node within a turn. */
interface Leaving {
  /** The life that has ended, if the node has. */
  life: number;
  readonly streams: NodeStream[];
}

/** Describes the streams of this node to the others, and holds a copy of theirs. */
export class NodeStreams {
  readonly #nodes: Nodes;
  readonly #listener: NodeStreamsListener;
  readonly #stop: () => void;
  /** The streams of the other nodes, by node and key. */
  readonly #others = new Map<string, Map<string, NodeStream>>();
  /** The other nodes, by their own entry. */
  readonly #living = new Map<string, LivingNode>();
  /** The number of open streams of a subject on other nodes. */
  readonly #subjects = new Map<string, number>();
  /** The removed streams that are not reported yet, by node. */
  #leaving = new Map<string, Leaving>();
  /** The number of lives of this node before the present one. */
  #life = 0;
  /** The position of the last control message that this node has executed. */
  #position = 0;
  #isDraining = false;
  /** Called with the subject of a stream that has begun on another node. */
  onSubject: (subject: string) => void = () => {};
  /** Called for each change of a node. */
  readonly #waiting = new Set<() => void>();

  constructor(nodes: Nodes, listener: NodeStreamsListener) {
    this.#nodes = nodes;
    this.#listener = listener;
    this.#stop = nodes.listen((node, key, value) => this.#hear(node, key, value));
    this.executed(0);
    // The hub's user can add its listeners first.
    queueMicrotask(() => {
      for (const [node, key, value] of [...nodes.entries("")]) this.#hear(node, key, value);
    });
  }

  get self(): string {
    return this.#nodes.self;
  }

  /** The ids of the other nodes. */
  get others(): Iterable<string> {
    return this.#living.keys();
  }

  /** Whether another node lives. */
  isLiving(node: string): boolean {
    return this.#living.has(node);
  }

  /** Returns the number of a subject's streams on other nodes. */
  countOf(subject: string): number {
    return this.#subjects.get(subject) ?? 0;
  }

  /**
   * Returns the newest open streams of a subject on all nodes.
   *
   * @param older - The number of oldest streams to leave out.
   */
  newest(subject: string, older: number): ReadonlySet<string> {
    const text = JSON.stringify(subject);
    const streams: NodeStream[] = [];
    for (const [, key, value] of this.#nodes.entries(streamPrefix)) {
      const stream = value.includes(text) ? decodeStream(subscriberOf(key), value) : undefined;
      if (stream?.state === "open" && stream.subject === subject) streams.push(stream);
    }
    streams.sort((a, b) => a.start - b.start || (a.subscriber < b.subscriber ? -1 : 1));
    return new Set(streams.slice(older).map(({ subscriber }) => subscriber));
  }

  tell(stream: NodeStream): void {
    this.#nodes.tell(keyOf(stream.subscriber), encodeStream(stream));
  }

  /** Makes a stream of a subject count on the other nodes, without any other detail. */
  count(subscriber: string, subject: string | undefined, start: number): void {
    if (subject !== undefined) this.tell({ subscriber, state: "open", start, subject, selectors: [] });
  }

  /** Removes a stream whose end is announced. */
  forget(subscriber: string): void {
    this.#nodes.tell(keyOf(subscriber), undefined);
  }

  /** Tells the other nodes that this node has executed the control messages up to a position. */
  executed(position: number): void {
    this.#position = position;
    this.#nodes.tell(nodeKey, encodeNode({ executed: position, isDraining: this.#isDraining, life: this.#life }));
  }

  /** Begins another life of this node, after one that the others consider ended. */
  outlive(life: number): void {
    if (life < this.#life) return;
    this.#life = life + 1;
    this.executed(this.#position);
  }

  /** Tells the other nodes that this node takes no new streams. */
  drain(): void {
    this.#isDraining = true;
    this.executed(this.#position);
  }

  /** Whether another node takes new streams. */
  get hasSuccessor(): boolean {
    return [...this.#living.values()].some(({ isDraining }) => !isDraining);
  }

  /** Resolves when all nodes have executed the control messages up to a position, or after a second. */
  async confirmed(position: number): Promise<void> {
    const isDone = () => [...this.#living.values()].every(({ executed }) => executed >= position);
    if (isDone()) return;
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#waiting.delete(check);
        resolve();
      };
      const timer = setTimeout(end, maxConfirmation);
      const check = () => {
        if (isDone()) end();
      };
      this.#waiting.add(check);
    });
  }

  close(): void {
    this.#stop();
    this.#nodes.tell(nodeKey, undefined);
  }

  #hear(node: string, key: string, value: string | undefined): void {
    if (node === this.self) {
      if (key !== nodeKey || value !== undefined) return;
      this.outlive(this.#life);
      this.#listener.returned();
    } else if (key === nodeKey) this.#hearNode(node, value);
    else if (key.startsWith(streamPrefix)) this.#hearStream(node, key, value);
  }

  #hearNode(node: string, value: string | undefined): void {
    const known = this.#living.get(node);
    if (value === undefined) {
      this.#living.delete(node);
      this.#leavingOf(node).life = known?.life ?? 0;
    } else {
      const living = decodeNode(value);
      if (known === undefined) this.#listener.living(node, living.life);
      this.#living.set(node, living);
    }
    for (const check of this.#waiting) check();
  }

  #hearStream(node: string, key: string, value: string | undefined): void {
    const known = this.#others.get(node)?.get(key);
    const stream = value === undefined ? undefined : decodeStream(subscriberOf(key), value);
    if (value !== undefined && stream === undefined) return;
    if (known?.state === "open" && stream?.state !== "open") {
      this.#count(known, -1);
      this.#listener.end(known, stream?.state ?? "ended");
    }
    if (stream !== undefined) this.#set(node, key, stream);
    else if (known !== undefined) this.#remove(node, key, known);
    if (stream?.state === "open" && known?.state !== "open") {
      this.#count(stream, 1);
      this.#listener.begin(stream, node);
    }
  }

  #set(node: string, key: string, stream: NodeStream): void {
    const streams = this.#others.get(node);
    if (streams === undefined) this.#others.set(node, new Map([[key, stream]]));
    else streams.set(key, stream);
  }

  /**
   * Removes a stream of another node. A living node removes its streams one by one. If a node has ended, all its
   * streams end together, and its own entry with them.
   */
  #remove(node: string, key: string, stream: NodeStream): void {
    const streams = this.#others.get(node)!;
    streams.delete(key);
    if (streams.size === 0) this.#others.delete(node);
    this.#leavingOf(node).streams.push(stream);
  }

  /** Returns what is reported of a node at the end of the turn. */
  #leavingOf(node: string): Leaving {
    if (this.#leaving.size === 0) queueMicrotask(() => this.reportGone());
    const leaving = this.#leaving.get(node) ?? { life: 0, streams: [] };
    this.#leaving.set(node, leaving);
    return leaving;
  }

  /** Reports the nodes that have ended so far, before the end of the turn. */
  reportGone(): void {
    if (this.#leaving.size === 0) return;
    const leaving = this.#leaving;
    this.#leaving = new Map();
    for (const [node, { life, streams }] of leaving) {
      if (this.#living.has(node)) this.#listener.forgotten(streams);
      else this.#listener.gone(node, life, streams);
    }
  }

  #count({ subject }: NodeStream, change: 1 | -1): void {
    if (subject === undefined) return;
    const count = this.countOf(subject) + change;
    if (count === 0) this.#subjects.delete(subject);
    else this.#subjects.set(subject, count);
    if (change === 1) this.onSubject(subject);
  }
}

function keyOf(subscriber: string): string {
  return streamPrefix + (subscriber.startsWith(uuidPrefix) ? subscriber.slice(uuidPrefix.length) : subscriber);
}

function subscriberOf(key: string): string {
  return uuidPrefix + key.slice(streamPrefix.length);
}
