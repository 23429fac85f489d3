import { execFile } from "node:child_process";
import { compiled } from "./compiled.js";
import type { PatternKind, Peer, Server } from "./peer.js";

/** The parameters of the load generator; load.c explains each. */
export interface Load {
  readonly streams: number;
  readonly stalled?: number;
  readonly channels?: number;
  /** The topic of channel `{n}`. */
  readonly topic?: string;
  /** The queries of streams. Default: their channel's topic. */
  readonly pattern?: Pattern;
  /** The queries of stalled streams, in turn. Default: the same as for others. */
  readonly stalledPatterns?: readonly Pattern[];
  readonly streamHeaders?: readonly string[];
  readonly publishers?: number;
  readonly size?: number;
  readonly rate?: number;
  readonly warm?: number;
  readonly warmUpdates?: number;
  readonly seconds?: number;
  readonly updates?: number;
  readonly expect?: number;
  readonly deaf?: boolean;
  readonly settle?: number;
  readonly patience?: number;
  readonly memoryLimit?: number;
  readonly pending?: number;
}

export interface Pattern {
  readonly kind: PatternKind;
  readonly text: string;
}

/** The results. Times are in seconds, latencies in nanoseconds, and memory is in bytes. */
export interface LoadReport {
  readonly streams: number;
  readonly openSeconds: number;
  /** The server's CPU time while the streams opened, and while they were idle for `settle`. */
  readonly cpuOpen: number;
  readonly published: number;
  readonly refused: number;
  readonly delivered: number;
  readonly lost: number;
  readonly repeated: number;
  readonly disordered: number;
  readonly misdelivered: number;
  readonly broken: number;
  readonly closed: number;
  /** Streams that received several publishers' updates in a different order. */
  readonly divergent: number;
  readonly seconds: number;
  /** The server's CPU time during the measurement. */
  readonly cpu: number;
  readonly clientCpu: number;
  readonly p50: number;
  readonly p99: number;
  readonly slowest: number;
  readonly memoryEmpty: number;
  readonly memoryOpen: number;
  readonly memoryWarm: number;
  readonly memoryMost: number;
  readonly memoryEnd: number;
}

const defaultTopic = "topics/{n}";

/** Runs the load generator against a server. */
export async function runLoad(server: Server, load: Load): Promise<LoadReport> {
  const { topic = defaultTopic, pattern, stalledPatterns = [], streamHeaders = [], deaf = false, ...numbers } = load;
  const { path, body } = server.publishing(topic);
  const pathOf = ({ kind, text }: Pattern) => server.patternPath!(kind, text);
  const args = [
    ["port", server.port],
    ["pids", server.pids.join()],
    ["path", pattern === undefined ? server.streamPath(topic) : pathOf(pattern)],
    ...stalledPatterns.map((stalled) => ["stalled-path", pathOf(stalled)]),
    ...streamHeaders.map((header) => ["stream-header", header]),
    ["publish-path", path],
    ["publish-body", body],
    ...server.publishHeaders.map((header) => ["publish-header", header]),
    ...Object.entries(numbers).map(([name, value]) => [
      name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
      value,
    ]),
  ].map(([name, value]) => `--${name}=${value}`);
  if (deaf) args.push("--deaf");
  return new Promise((resolve, reject) => {
    const end = () => void program.kill();
    process.once("exit", end);
    const program = execFile(loadGenerator(), args, { maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      process.off("exit", end);
      if (error) reject(new Error(stderr.trim() || error.message));
      else resolve(JSON.parse(stdout) as LoadReport);
    });
  });
}

/** Returns the faults. Empty if every stream received every update once and in order. */
export function faultsOf(report: LoadReport, { ordersDiffer = false }: Pick<Peer, "ordersDiffer"> = {}): string[] {
  const { refused, lost, repeated, disordered, misdelivered, broken, closed } = report;
  const divergent = ordersDiffer ? 0 : report.divergent;
  return Object.entries({ refused, lost, repeated, disordered, misdelivered, broken, closed, divergent })
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name}`);
}

/** The path of the compiled load generator. */
export const loadGenerator = (): string => compiled("load.c", ["-O2", "-Wall"]);
