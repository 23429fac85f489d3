import { encodeTopic, type Server } from "../harness/peer.js";

const hubPath = "/.well-known/mercure";

/** How a Mercure hub is talked to; `parameter` names the query parameter that subscribes to an exact topic. */
export function mercurePaths(
  parameter: string,
  authorization: string,
): Pick<Server, "streamPath" | "publishing" | "publishHeaders"> {
  return {
    streamPath: (topic) => `${hubPath}?${parameter}=${encodeTopic(topic)}`,
    publishing: (topic) => ({ path: hubPath, body: `topic=${encodeTopic(topic)}&data=` }),
    publishHeaders: ["Content-Type: application/x-www-form-urlencoded", authorization],
  };
}
