import assert from "node:assert/strict";
import type { Updates } from "../../../src/hub/index.js";
import { Presence } from "../../../src/publisher/presence/presence.js";
import { draft, type Subscriber, subscribe, turn, until } from "../fixture.js";
import { eventFaults, type HeardEvent, type StreamTruth } from "./event-faults.js";
import { type ClusterNode, lease, NodeCluster } from "./node-cluster.js";

const topic = "x";
const eventsTopic = `/.well-known/mercure/subscriptions/${topic}`;

/** A node renews its lease several times within it, so a node that is paused for this time always keeps it. */
const surelyKept = lease / 2;
/** The others know the end of a node after this time, in milliseconds. */
const surelyLost = 20_000;
/** The max time until all nodes agree, in milliseconds. */
const maxDisagreement = 60_000;

interface ModelStream {
  readonly subscriber: string;
  readonly client: Subscriber;
}

interface ModelNode {
  readonly node: ClusterNode;
  /** The streams that the listeners of the node's hub have reported. Presence uses the same listeners. */
  readonly listed: Set<string>;
  readonly streams: Set<ModelStream>;
  readonly presence: Presence;
  state: "running" | "paused" | "returning" | "dead";
  /** The time of the last change of the state. */
  since: number;
  absences: number;
}

/** Nodes of one hub, and beside them a model: the streams of each node. */
export class ModelledCluster {
  readonly #hooks: (() => unknown)[] = [];
  readonly #context = { after: (hook?: unknown) => void this.#hooks.push(hook as () => unknown) };
  readonly #cluster = new NodeCluster(this.#context);
  readonly #nodes: ModelNode[] = [];
  /** The absences of the nodes of ended streams, when they ended. */
  readonly #ended = new Map<string, number>();
  readonly #events: HeardEvent[] = [];
  #marks = 0;
  #updates: Updates | undefined;

  /** Starts the first node, which hears the events and lives to the end, and some others. */
  async begin(others: number): Promise<void> {
    for (let i = 0; i <= others; i++) await this.start();
    this.#updates = this.#first.node.hub.updates([eventsTopic, "mark"]);
    void this.#record(this.#updates);
  }

  get #first(): ModelNode {
    return this.#nodes[0]!;
  }

  /** The nodes whose process runs. */
  get running(): readonly ModelNode[] {
    return this.#nodes.filter(({ state }) => state === "running" || state === "returning");
  }

  get paused(): readonly ModelNode[] {
    return this.#nodes.filter(({ state }) => state === "paused");
  }

  /** The nodes that can be paused or end: another runs, which knows the streams of all. */
  get replaceable(): readonly ModelNode[] {
    const others = this.#nodes.filter(({ state }) => state === "running");
    return others.length > 1 ? others : [];
  }

  /** The running nodes that can end: the first one lives to the end, as it hears the events. */
  get mortal(): readonly ModelNode[] {
    return this.replaceable.filter((node) => node !== this.#first);
  }

  /** The paused nodes that can end when they continue. */
  get mortalWhenBack(): readonly ModelNode[] {
    return this.paused.filter((node) => node !== this.#first);
  }

  get open(): readonly (readonly [ModelNode, ModelStream])[] {
    return this.running.flatMap((node) => [...node.streams].map((stream) => [node, stream] as const));
  }

  async start(): Promise<void> {
    const node = await this.#cluster.start();
    const listed = new Set(idsOf(node));
    node.hub.onSubscription(({ topic: of, subscriber, active }) => {
      if (of !== topic) return;
      assert.notEqual(listed.has(subscriber), active, "a listener hears each change once");
      if (active) listed.add(subscriber);
      else listed.delete(subscriber);
    });
    const { clock } = this.#cluster;
    const presence = new Presence({ hub: node.hub, clock, key: "id", grace: 0, lifetime: 1e9, announce: () => {} });
    presence.watch(topic);
    const since = clock.now();
    this.#nodes.push({ node, listed, streams: new Set(), presence, state: "running", since, absences: 0 });
  }

  async connect({ node, streams }: ModelNode): Promise<void> {
    const known = new Set(idsOf(node));
    const client = await subscribe(this.#context, node.url(topic));
    assert.equal(client.status, 200);
    const [subscriber = assert.fail("the stream is not listed on its node")] = idsOf(node).filter(
      (id) => !known.has(id),
    );
    streams.add({ subscriber, client });
    // If its node died before, nobody would have heard of the stream.
    const path = encodeURIComponent(subscriber);
    await this.#until(() => this.#cluster.store.contents.some((text) => text.includes(path)));
  }

  async leave(of: ModelNode, stream: ModelStream): Promise<void> {
    const { hub } = of.node;
    const before = hub.connections;
    stream.client.close();
    await until(() => hub.connections < before);
    this.#end(of, stream);
  }

  standStill(node: ModelNode): void {
    node.node.process.stop();
    this.#set(node, "paused");
  }

  async goOn(node: ModelNode, first: "answers" | "timers"): Promise<void> {
    const wasLost = this.#now - node.since > surelyKept;
    if (wasLost) node.absences++;
    this.#set(node, wasLost ? "returning" : "running");
    await node.node.process.resume(first);
  }

  die(node: ModelNode): void {
    node.node.link.kill();
    for (const stream of [...node.streams]) stream.client.close();
    this.#set(node, "dead");
  }

  /** Lets a node run again for some turns of the event loop, and ends it. */
  async comeBackAndDie(node: ModelNode, turns: number): Promise<void> {
    await this.goOn(node, "timers");
    for (let i = 0; i < turns; i++) {
      this.#cluster.clock.advance(0.05);
      await turn();
    }
    this.die(node);
  }

  async shutDown(node: ModelNode): Promise<void> {
    let isClosed = false;
    const closed = node.node.hub.close().then(() => node.node.transport.close());
    void closed.then(() => {
      isClosed = true;
    });
    await this.#until(() => isClosed);
    for (const stream of [...node.streams]) this.#end(node, stream);
    this.#nodes.splice(this.#nodes.indexOf(node), 1);
  }

  async wait(seconds: number): Promise<void> {
    const end = this.#now + seconds * 1000;
    await this.#until(() => this.#now >= end);
  }

  /** Waits until every running node lists the streams of the model. */
  async settle(): Promise<void> {
    await this.#until(
      () => this.running.every((node) => this.#disagreement(node) === ""),
      () => this.running.map((node) => this.#disagreement(node)).join(""),
    );
  }

  /** Lets all nodes continue, and checks the events since the start. */
  async finish(): Promise<void> {
    for (const node of this.paused) await this.goOn(node, "answers");
    await this.wait(40);
    for (const node of this.running) node.state = "running";
    await this.settle();
    await this.#first.node.hub.publish(draft("mark"));
    await this.#until(() => this.#marks > 0);
    for (const node of this.#nodes) {
      if (node.state === "dead") for (const stream of [...node.streams]) this.#end(node, stream);
    }
    const truths = new Map<string, StreamTruth>();
    for (const [subscriber, absences] of this.#ended) truths.set(subscriber, { isOpen: false, absences });
    for (const [{ absences }, { subscriber }] of this.open) truths.set(subscriber, { isOpen: true, absences });
    assert.deepEqual(eventFaults(this.#events, truths), []);
    // A node that was paused for long reports that the log has not confirmed its events in time.
    for (const { node, absences } of this.running) if (absences === 0) assert.deepEqual(node.errors, []);
  }

  async close(): Promise<void> {
    await this.#updates?.return();
    for (const hook of this.#hooks) await hook();
  }

  get #now(): number {
    return this.#cluster.clock.now();
  }

  async #record(updates: Updates): Promise<void> {
    for await (const { topics, data } of updates) {
      if (topics.includes("mark")) this.#marks++;
      else this.#events.push(JSON.parse(data) as HeardEvent);
    }
  }

  #set(node: ModelNode, state: ModelNode["state"]): void {
    node.state = state;
    node.since = this.#now;
  }

  #end({ streams, absences }: ModelNode, stream: ModelStream): void {
    streams.delete(stream);
    this.#ended.set(stream.subscriber, absences);
  }

  /** Returns how a node's list differs from the model, or nothing. */
  #disagreement({ node, listed, presence }: ModelNode): string {
    const ids = new Set(idsOf(node));
    const people = presence.of(topic).map(({ key }) => key);
    const faults = [...ids].filter((id) => !listed.has(id)).map((id) => `a listener misses ${id}`);
    for (const id of listed) if (!ids.has(id)) faults.push(`a listener keeps ${id}`);
    if (people.length !== ids.size || people.some((key) => !ids.has(key)))
      faults.push(`present are ${people.join(" ")}`);
    const known = new Set<string>();
    for (const of of this.#nodes) {
      for (const { subscriber } of of.streams) {
        known.add(subscriber);
        const expected = of.node === node ? true : this.#isListed(of);
        if (expected !== undefined && expected !== ids.has(subscriber)) {
          faults.push(`${subscriber} of a ${of.state} node is ${expected ? "missing" : "there"}`);
        }
      }
    }
    for (const id of ids) if (!known.has(id)) faults.push(`${id} has ended`);
    return faults.map((fault) => `\n${fault}`).join("");
  }

  /** Whether other nodes list the streams of a node; undefined if they can or cannot, as its lease is about to end. */
  #isListed({ state, since }: ModelNode): boolean | undefined {
    if (state === "running" || state === "returning") return true;
    const past = this.#now - since;
    if (past > surelyLost) return false;
    return state === "paused" && past <= surelyKept ? true : undefined;
  }

  /** Advances the clock by small steps until a condition holds. */
  async #until(condition: () => boolean, describe = () => ""): Promise<void> {
    const end = this.#now + maxDisagreement;
    while (true) {
      for (let i = 0; i < 10; i++) {
        if (condition()) return;
        await turn();
      }
      assert.ok(this.#now < end, `the nodes do not agree after a minute:${describe()}`);
      this.#cluster.clock.advance(0.2);
    }
  }
}

function idsOf({ hub }: ClusterNode): string[] {
  return hub.subscriptions(topic).map(({ subscriber }) => subscriber);
}
