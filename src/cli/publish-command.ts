import { text } from "node:stream/consumers";
import { carriedName } from "../protocol/carried-name.js";
import { publishToRemoteHub } from "../publisher/remote/remote-publish.js";
import type { Command } from "./command.js";
import { UsageError } from "./errors.js";
import { protocolFlags, readProfile } from "./identity.js";
import { hubUrlFlags, readHubUrl, readToken, tokenFlags } from "./remote-hub-flags.js";
import { waysToSecret } from "./secrets.js";

export const publishCommand: Command = {
  name: "publish",
  summary: "Publishes an update, and prints its id.",
  usage: "<topic> [data] [flags]",
  details: "Without data, or with -, the command publishes the standard input.",
  positionals: 2,
  flags: {
    alternate: { value: "topic", multiple: true, help: "A further topic of the same update. Can be repeated." },
    private: { help: "Deliver only to subscribers whose token grants a topic." },
    type: { value: "type", help: "The event's type." },
    id: { value: "id", help: "The update's id. Default: a random one, and none with --no-keep." },
    keep: { negatable: true, help: "Whether history stores the update. Default: yes." },
    key: { value: "key", help: "Replace the older update of this key in the history of each topic." },
    retry: { value: "ms", numeric: true, help: "The reconnection time for clients, in milliseconds." },
    ...hubUrlFlags,
    ...protocolFlags,
    ...tokenFlags("publisher"),
  },
  async run({ read, positionals: [topic, argument = "-"] }) {
    if (topic === undefined || topic === "")
      throw new UsageError("Name the topic: htmx-mercure publish <topic> [data]");
    const topics = [topic, ...(read.strings("alternate") ?? [])].map(carriedName);
    const id = read.string("id");
    const type = read.string("type");
    const retry = read.number("retry", { min: 0, integer: true });
    const keep = read.boolean("keep");
    const key = read.string("key");
    const isPrivate = read.boolean("private") ?? false;
    const hubUrl = readHubUrl(read);
    const token = readToken(read, "publisher", readProfile(read, hubUrl), {
      publish: topics.map((text) => ({ text })),
    });
    if (token === undefined) {
      throw new UsageError(
        `Publishing needs the hub's secret (${waysToSecret}) or a token (--jwt-file, MERCURE_PUBLISHER_JWT).`,
      );
    }
    if (argument === "-" && [read.string("jwt-file"), read.string("secret-file")].includes("-")) {
      throw new UsageError("The standard input cannot be both the data and a secret.");
    }
    const draft = {
      topics,
      data: argument === "-" ? await text(process.stdin) : argument,
      private: isPrivate,
      ...(id !== undefined && { id }),
      ...(type !== undefined && { type }),
      ...(retry !== undefined && { retry }),
      ...(keep !== undefined && { keep }),
      ...(key !== undefined && { key }),
    };
    console.log(await publishToRemoteHub(hubUrl, token, draft));
    return 0;
  },
};
