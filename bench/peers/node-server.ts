import { startNode } from "../harness/child.js";
import { encodeTopic, type Server } from "../harness/peer.js";

/** Starts one of bench/servers, whose URL for a topic is `/?TOPIC`. */
export async function startServer(script: string, args: readonly string[] = []): Promise<Server> {
  const child = await startNode(new URL(`../servers/${script}.ts`, import.meta.url), args, /listening on port (\d+)\./);
  const path = (topic: string) => `/?${encodeTopic(topic)}`;
  return {
    port: Number(child.announced),
    pids: [child.pid],
    streamPath: path,
    publishing: (topic) => ({ path: path(topic), body: "" }),
    publishHeaders: ["Content-Type: text/plain"],
    stop: child.stop,
  };
}
