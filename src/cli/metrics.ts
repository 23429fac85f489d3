import type { HubObserver } from "../hub/index.js";
import { UsageError } from "./errors.js";

/** What a hub and its process count, for Prometheus. */
export interface Metrics {
  readonly observer: HubObserver;
  readonly contentType: string;
  text(): Promise<string>;
}

/**
 * Counts under the names of the reference hub, whose dashboards then fit, and with prom-client's own for the process.
 *
 * @param wanted - Whether somebody has asked for it.
 * @returns undefined where prom-client is not installed, and nobody has asked.
 * @throws UsageError where somebody has.
 */
export async function collectMetrics(wanted: boolean): Promise<Metrics | undefined> {
  const client = await load();
  if (client === undefined) {
    if (!wanted) return undefined;
    throw new UsageError("Metrics need another package: npm install prom-client");
  }
  const { collectDefaultMetrics, Counter, Gauge, Registry } = client;
  const register = new Registry();
  collectDefaultMetrics({ register });
  const registers = [register];
  const connected = new Gauge({
    name: "mercure_subscribers_connected",
    help: "How many subscribers are connected.",
    registers,
  });
  const subscribers = new Counter({
    name: "mercure_subscribers_total",
    help: "How many subscribers have connected so far.",
    registers,
  });
  const updates = new Counter({
    name: "mercure_updates_total",
    help: "How many updates have been published so far.",
    registers,
  });
  const observer = {
    subscribed() {
      connected.inc();
      subscribers.inc();
    },
    unsubscribed: () => connected.dec(),
    published: () => updates.inc(),
  };
  return { observer, contentType: register.contentType, text: () => register.metrics() };
}

async function load(): Promise<typeof import("prom-client") | undefined> {
  try {
    return await import("prom-client");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    return undefined;
  }
}
