import { type HubLimit, hubLimits, limitVariable } from "../hub/limits/hub-limits.js";
import type { Flag, Flags } from "./command-line.js";

type LimitFlag = readonly [value: "number" | "bytes" | "characters", help: string];

const limits: Readonly<Record<HubLimit, LimitFlag>> = {
  maxConnections: ["number", "How many streams may be open. Default 100000; 0 for any number."],
  maxConnectionsPerAddress: ["number", "The same for each address. Default 10000; 0 for any number."],
  maxConnectionsPerSubject: ["number", "The same for each subject of a token. Default 1000; 0 for any number."],
  maxBacklogBytes: ["bytes", "How far behind a stream may be. Default 1 MiB; 0 for as far as history reaches."],
  maxMatchers: ["number", "Topics and patterns of one request. Default 200."],
  maxMatcherLength: ["characters", "The length of each. Default 2048."],
  maxPatternSize: ["number", "The size of the patterns of one request, in instructions. Default 5000."],
  maxSubscriptionBytes: [
    "bytes",
    "What topics and patterns of all streams may take. Default 256 MiB; 0 for unlimited.",
  ],
  maxSubscriptionBytesPerAddress: ["bytes", "The same for each address. Default 64 MiB; 0 for unlimited."],
  maxSubscriptionBytesPerRequest: ["bytes", "The same for each request. Default 8 MiB; 0 for unlimited."],
  maxQueryBytes: ["bytes", "How large the body of a QUERY request may be. Default 256 KiB."],
  maxTokenDetails: ["number", "Authorization details of a token. Default 100."],
  maxTokenTopics: ["number", "Topics that a token grants in all. Default 1000."],
  maxPublishBytes: ["bytes", "How large a request to publish may be. Default 1 MiB."],
  maxPublishTopics: ["number", "Topics of an update. Default 100."],
  maxPublishFieldLength: ["characters", "The length of its fields but the data. Default 4096."],
};

/** Returns the flag of a limit, such as `max-connections`. */
export function limitFlag(name: HubLimit): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

export const limitFlags: Flags = Object.fromEntries(
  hubLimits.map((name): [string, Flag] => {
    const [value, help] = limits[name];
    return [limitFlag(name), { value, numeric: true, variable: limitVariable(name), help }];
  }),
);
