import type { Aggregator } from "prom-client";
import type { HubObserver } from "../hub/index.js";
import type { Transport } from "../transport/transport.js";
import { UsageError } from "./errors.js";

/** Metrics in Prometheus's format. */
export interface ServedMetrics {
  readonly contentType: string;
  text(): Promise<string>;
}

/** The metrics of a hub and its process, for Prometheus. */
export interface Metrics extends ServedMetrics {
  readonly observer: HubObserver;
  /** Measures the transport of the hub. */
  watch(transport: Transport): void;
  /** Returns the values, for {@link workerMetrics}. */
  values(): Promise<object[]>;
}

/**
 * Returns the metrics of all workers together.
 *
 * @param wanted - See {@link collectMetrics}.
 * @param collect - Returns the values of each worker.
 */
export async function workerMetrics(
  wanted: boolean,
  collect: () => Promise<object[]>,
): Promise<ServedMetrics | undefined> {
  const client = await loadOr(wanted);
  if (client === undefined) return undefined;
  const { AggregatorRegistry, Registry } = client;
  return {
    contentType: Registry.PROMETHEUS_CONTENT_TYPE,
    text: async () => AggregatorRegistry.aggregate(await collect()).metrics(),
  };
}

/**
 * Collects metrics under the names of the reference hub, so that its dashboards fit, and prom-client's metrics of the
 * process.
 *
 * @param wanted - Whether metrics are required. They are optional otherwise.
 * @returns undefined when prom-client is not installed and metrics are optional.
 * @throws UsageError when prom-client is not installed and metrics are required.
 */
export async function collectMetrics(wanted: boolean): Promise<Metrics | undefined> {
  const client = await loadOr(wanted);
  if (client === undefined) return undefined;
  const { collectDefaultMetrics, Counter, Gauge, Registry } = client;
  const register = new Registry();
  collectDefaultMetrics({ register });
  const registers = [register];
  const connected = new Gauge({
    name: "mercure_subscribers_connected",
    help: "The number of connected subscribers.",
    registers,
  });
  const subscribers = new Counter({
    name: "mercure_subscribers_total",
    help: "The number of subscribers that have connected since the start.",
    registers,
  });
  const updates = new Counter({
    name: "mercure_updates_total",
    help: "The number of updates published since the start.",
    registers,
  });
  let watched: Transport | undefined;
  // Each value exists for all processes of this monitor together, and for each of their nodes.
  const measure = (name: string, help: string, read: (transport: Transport) => number, aggregator: Aggregator) => [
    new Gauge({
      name: `mercure_transport_${name}`,
      help,
      registers,
      aggregator,
      collect() {
        this.set(watched === undefined ? 0 : read(watched));
      },
    }),
    new Gauge({
      name: `mercure_node_${name}`,
      help: `${help} Of a node.`,
      registers,
      labelNames: ["node"],
      collect() {
        if (watched !== undefined) this.set({ node: watched.nodes.self }, read(watched));
      },
    }),
  ];
  measure("ready", "The number of processes that reach the store.", ({ state }) => Number(state === "ready"), "sum");
  measure("pending", "The number of updates that wait for the store.", ({ pending = 0 }) => pending, "sum");
  const seconds = (time = 0) => time / 1000;
  measure(
    "wait_seconds",
    "The longest time that an update waits for the store.",
    ({ longestWait }) => seconds(longestWait),
    "max",
  );
  measure("lag_seconds", "The delay of the newest update from the store.", ({ lag }) => seconds(lag), "max");
  const observer = {
    subscribed() {
      connected.inc();
      subscribers.inc();
    },
    unsubscribed: () => connected.dec(),
    published: () => updates.inc(),
  };
  return {
    observer,
    watch(transport) {
      watched = transport;
    },
    contentType: register.contentType,
    text: () => register.metrics(),
    values: () => register.getMetricsAsJSON(),
  };
}

async function loadOr(wanted: boolean): Promise<typeof import("prom-client") | undefined> {
  const client = await load();
  if (client === undefined && wanted) {
    throw new UsageError("Metrics need the package prom-client: npm install prom-client");
  }
  return client;
}

async function load(): Promise<typeof import("prom-client") | undefined> {
  try {
    return await import("prom-client");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    return undefined;
  }
}
