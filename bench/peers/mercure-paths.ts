import { encodeTopic, type PatternKind, type Server } from "../harness/peer.js";

const hubPath = "/.well-known/mercure";

/** Mercure 0.x has patterns in the same parameter as topics. */
const patternParameters: Record<PatternKind, string> = { "uri-template": "topic", "url-pattern": "match_urlpattern" };

/** The addresses of a Mercure hub; `parameter` names the query parameter that subscribes to an exact topic. */
export function mercurePaths(
  parameter: string,
  authorization: string,
): Pick<Server, "streamPath" | "patternPath" | "publishing" | "publishHeaders"> {
  return {
    streamPath: (topic) => `${hubPath}?${parameter}=${encodeTopic(topic)}`,
    patternPath: (kind, pattern) => `${hubPath}?${patternParameters[kind]}=${encodeTopic(pattern)}`,
    publishing: (topic) => ({ path: hubPath, body: `topic=${encodeTopic(topic)}&data=` }),
    publishHeaders: ["Content-Type: application/x-www-form-urlencoded", authorization],
  };
}
