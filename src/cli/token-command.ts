import { signToken } from "../publisher/tokens.js";
import type { Command } from "./command.js";
import { UsageError } from "./errors.js";
import { keyFlags, profile, type Role, readKey } from "./remote-hub-flags.js";

const roles: readonly string[] = ["publisher", "subscriber"];

export const tokenCommand: Command = {
  name: "token",
  summary: "Prints a token for a publisher or a subscriber.",
  usage: "publisher|subscriber --topic <topic> … [flags]",
  details: `It is a token of Mercure 0.x, signed with HS256. A publisher's grants to publish to the topics, a subscriber's to
receive their private updates. The topic * stands for all.`,
  positionals: 1,
  flags: {
    topic: { value: "topic", multiple: true, help: "A topic that the token grants." },
    lifetime: { value: "seconds", numeric: true, help: "How long it is valid. Default 3600." },
    ...keyFlags("publisher"),
    secret: {
      value: "secret",
      help: "The key. Else MERCURE_PUBLISHER_JWT_KEY or MERCURE_SUBSCRIBER_JWT_KEY, MERCURE_…_SECRET_KEY, SECRET_KEY.",
    },
  },
  async run({ read, positionals: [role] }) {
    if (!isRole(role)) throw new UsageError("Say whose token it shall be: htmx-mercure token publisher|subscriber");
    const topics = read.strings("topic");
    if (topics === undefined) throw new UsageError("Name the topics that the token grants: --topic <topic>");
    const lifetime = read.number("lifetime", { least: 1 }) ?? 3600;
    const key = readKey(read, role);
    if (key === undefined) throw new UsageError("A token needs a secret: --secret-file, or SECRET_KEY.");
    const selectors = topics.map((text) => ({ text }));
    console.log(
      signToken(role === "publisher" ? { publish: selectors } : { subscribe: selectors }, profile, key, lifetime),
    );
    return 0;
  },
};

function isRole(role: string | undefined): role is Role {
  return role !== undefined && roles.includes(role);
}
