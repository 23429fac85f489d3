// Runs the example app in two workers of node:cluster, each on a port of its own, so that a test knows the process of a
// page. A worker that ends is replaced. The ports are the arguments. Prints `worker PORT PID` for each that listens.

import cluster from "node:cluster";

const ports = process.argv.slice(2);
cluster.setupPrimary({ exec: "example-app/server.ts", execArgv: ["--import", "tsx"], silent: false });

/** Resolves once the worker listens. */
function start(index: number): Promise<void> {
  // The variables of pm2, which also runs programs as workers of node:cluster.
  const pm2 = { NODE_APP_INSTANCE: String(index), pm_id: String(index), instances: String(ports.length) };
  const worker = cluster.fork({ PORT: ports[index]!, ...(process.env.WITH_PM2 === "1" && pm2) });
  worker.once("exit", () => void start(index));
  return new Promise((resolve) => {
    worker.once("listening", () => {
      console.log(`worker ${ports[index]} ${worker.process.pid}`);
      resolve();
    });
  });
}

await Promise.all(ports.map((_, index) => start(index)));
process.once("SIGTERM", () => {
  for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill("SIGKILL");
  process.exit();
});
