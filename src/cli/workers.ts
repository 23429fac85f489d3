import cluster, { type Worker } from "node:cluster";
import { CommandError } from "./errors.js";
import type { RunningHub } from "./start-hub.js";

/**
 * Marks the processes that this command has started: pm2 also runs programs as workers of `node:cluster`. Its value is
 * the port of the first listening worker. Later workers take the same port, even if the flag asks for any.
 */
const workerVariable = "HTMX_MERCURE_WORKER";

/** The delay before the first restart of a worker, in milliseconds. It doubles with each restart that follows soon. */
const minDelay = 100;
const maxDelay = 30_000;
/**
 * A worker that has run this long, in milliseconds, counts as healthy. Its next restart has the shortest delay again.
 */
const healthyAfter = 10_000;
/** The interval between two checks of a worker's state, in milliseconds. */
const reportInterval = 500;
/** The max time that a worker has to send its metrics, in milliseconds. */
const metricsTimeout = 2000;

const shutdownMessage = "htmx-mercure:shutdown";
const metricsMessage = "htmx-mercure:metrics";

type HubReport = Pick<RunningHub, "url" | "state" | "heldBackBy">;

/** A message of a worker to the primary process. */
interface WorkerMessage {
  /** The hub's URL and state, once it listens. */
  readonly hubReport?: HubReport;
  readonly hubMetrics?: object;
}

/** Whether this process is a worker of `htmx-mercure hub --workers`. */
export function isHubWorker(): boolean {
  return cluster.isWorker && process.env[workerVariable] !== undefined;
}

/** Returns the port of the first worker. Undefined in that worker, and in other processes. */
export function workerPort(): number | undefined {
  return (isHubWorker() && Number(process.env[workerVariable])) || undefined;
}

/**
 * Reports a worker's hub to the primary process. A message of that process, or a signal to this worker alone, shuts the
 * hub down.
 *
 * @param metrics - Returns the values of the worker's metrics.
 */
export async function work(hub: RunningHub, metrics: () => Promise<object>): Promise<void> {
  // A terminal sends its signal to all processes, and the primary process shuts the workers down itself.
  process.on("SIGINT", () => {});
  const send = (message: WorkerMessage) => process.connected && process.send!(message);
  const shutdown = new Promise<void>((resolve) => {
    process.once("SIGTERM", () => resolve());
    process.on("message", async (message) => {
      if (message === shutdownMessage) resolve();
      else if (message === metricsMessage) send({ hubMetrics: await metrics() });
    });
  });
  let reported: HubReport | undefined;
  const report = () => {
    const { url, state, heldBackBy } = hub;
    if (state === reported?.state && heldBackBy === reported.heldBackBy) return;
    reported = { url, state, heldBackBy };
    send({ hubReport: reported });
  };
  report();
  const timer = setInterval(report, reportInterval);
  await shutdown;
  await hub.close();
  clearInterval(timer);
}

/** The processes that share a port, each with a hub. A process that ends is replaced. */
export class Workers {
  /** The last reports of the workers that listen. */
  readonly #reports = new Map<Worker, HubReport>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #environment: Readonly<Record<string, string>> = {};
  #port = "0";
  #isEnding = false;
  #onStart: { resolve: (url: string) => void; reject: (error: Error) => void } | undefined;
  #onEnd: (() => void) | undefined;

  /**
   * Starts the workers, and resolves once the first one listens.
   *
   * @param environment - Environment variables for the workers.
   * @throws CommandError if the first worker ends before it listens. It has printed the reason.
   */
  async start(count: number, environment: Readonly<Record<string, string>>): Promise<RunningHub> {
    this.#environment = environment;
    const started = new Promise<string>((resolve, reject) => {
      this.#onStart = { resolve, reject };
    });
    // The first worker starts alone, because the others could only repeat its error.
    this.#fork(minDelay);
    const url = await started;
    for (let number = 1; number < count; number++) this.#fork(minDelay);
    const workers = this;
    return {
      url,
      get state() {
        return workers.#state;
      },
      get heldBackBy() {
        return [...workers.#reports.values()].find(({ heldBackBy }) => heldBackBy !== undefined)?.heldBackBy;
      },
      close: () => this.#end(),
    };
  }

  get #state(): RunningHub["state"] {
    if (this.#isEnding) return "draining";
    const states = [...this.#reports.values()].map(({ state }) => state);
    return (["ready", "away", "draining"] as const).find((state) => states.includes(state)) ?? "starting";
  }

  /** Returns the metrics of the workers that listen. */
  async metrics(): Promise<object[]> {
    const answers = await Promise.all([...this.#reports.keys()].map(askForMetrics));
    return answers.filter((values) => values !== undefined);
  }

  async #end(): Promise<void> {
    this.#isEnding = true;
    for (const timer of this.#timers) clearTimeout(timer);
    const workers = living();
    if (workers.length === 0) return;
    const ended = new Promise<void>((resolve) => {
      this.#onEnd = resolve;
    });
    for (const worker of workers) if (worker.isConnected()) worker.send(shutdownMessage);
    await ended;
  }

  /** @param delay - The delay before the restart if the worker ends soon. */
  #fork(delay: number): void {
    const started = Date.now();
    const worker = cluster.fork({ ...this.#environment, [workerVariable]: this.#port });
    worker.on("message", ({ hubReport }: WorkerMessage) => {
      if (hubReport === undefined) return;
      // A worker that was still starting has not received the end.
      if (this.#isEnding && !this.#reports.has(worker)) worker.send(shutdownMessage);
      this.#reports.set(worker, hubReport);
      this.#port = new URL(hubReport.url).port;
      this.#onStart?.resolve(hubReport.url);
      this.#onStart = undefined;
    });
    worker.on("exit", (code, signal) => {
      this.#reports.delete(worker);
      if (this.#isEnding) {
        if (living().length === 0) this.#onEnd?.();
        return;
      }
      if (this.#onStart !== undefined) {
        this.#onStart.reject(new CommandError("The hub could not start."));
        return;
      }
      const wait = Date.now() - started > healthyAfter ? minDelay : delay;
      const reason = signal ?? `code ${code}`;
      console.error(`htmx-mercure: worker ${worker.process.pid} ended (${reason}); another one starts in ${wait} ms.`);
      this.#restart(wait);
    });
  }

  #restart(delay: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#fork(Math.min(2 * delay, maxDelay));
    }, delay);
    this.#timers.add(timer);
  }
}

function askForMetrics(worker: Worker): Promise<object | undefined> {
  return new Promise((resolve) => {
    const end = (values?: object) => {
      clearTimeout(timer);
      worker.off("message", hear);
      resolve(values);
    };
    const hear = ({ hubMetrics }: WorkerMessage) => hubMetrics !== undefined && end(hubMetrics);
    const timer = setTimeout(end, metricsTimeout);
    worker.on("message", hear);
    if (worker.isConnected()) worker.send(metricsMessage);
  });
}

function living(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined && !worker.isDead()) as Worker[];
}
