import { faultsOf, type Load, runLoad } from "./load.js";
import type { Peer, StartOptions } from "./peer.js";
import type { Column, Row, Scale } from "./question.js";

/** The columns for updates with many receivers. */
export const fanOutColumns: readonly Column[] = [
  { figure: "cpu", title: "CPU/delivery µs", digits: 2 },
  { figure: "deliveries", title: "deliveries/s", digits: 0 },
  { figure: "updates", title: "updates/s", digits: 0 },
  { figure: "p50", title: "p50 ms", digits: 2 },
  { figure: "p99", title: "p99 ms", digits: 2 },
  { figure: "memory", title: "RSS/stream KB", digits: 1 },
  { figure: "client", title: "client's CPU %", digits: 0 },
];

/** Returns the load of 16 publishers in closed loops. */
export function sixteenLoops(scale: Scale, streams: number): Load {
  return {
    streams: scale.count(streams),
    publishers: 16,
    warm: scale.seconds(1.5),
    seconds: scale.seconds(4),
    settle: 1,
  };
}

/** Starts a server, puts a load on it, and stops it. */
export async function fanOut(peer: Peer, load: Load, options: StartOptions = {}): Promise<Row> {
  const server = await peer.start(options);
  try {
    const report = await runLoad(server, load);
    const { cpu, delivered, published, seconds, p50, p99, memoryEmpty, memoryOpen, streams } = report;
    const figures = {
      cpu: (cpu * 1e6) / delivered,
      updateCpu: (cpu * 1e6) / published,
      deliveries: delivered / seconds,
      updates: published / seconds,
      p50: p50 / 1e6,
      p99: p99 / 1e6,
      memory: (memoryOpen - memoryEmpty) / 1024 / streams,
      client: (report.clientCpu / seconds) * 100,
    };
    return { name: peer.name, figures, faults: faultsOf(report, peer) };
  } finally {
    await server.stop();
  }
}
