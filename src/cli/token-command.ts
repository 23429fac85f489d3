import { signToken } from "../publisher/streams/tokens.js";
import type { Command } from "./command.js";
import { UsageError } from "./errors.js";
import { matcherFlags, protocolFlags, readProfile, readSelectors } from "./identity.js";
import { keyFlags, type Role, readHubUrl, readSigner } from "./remote-hub-flags.js";
import { waysToSecret } from "./secrets.js";

const roles: readonly string[] = ["publisher", "subscriber"];

export const tokenCommand: Command = {
  name: "token",
  summary: "Prints a token for a publisher or a subscriber.",
  usage: "publisher|subscriber --topic <topic> … [flags]",
  details: `A publisher's grants to publish to the topics, a subscriber's to receive their private updates. The topic *
stands for all. It is signed with HS256 by a secret, or with a private key in PEM.`,
  positionals: 1,
  flags: {
    topic: { value: "topic", multiple: true, help: "A topic that the token grants." },
    ...matcherFlags,
    payload: { value: "json", help: "What others may learn of a subscriber; with Mercure 1.0 an object." },
    "expires-in": { value: "seconds", numeric: true, help: "How long it is valid. Default 3600." },
    ...protocolFlags,
    ...keyFlags("publisher"),
    secret: {
      value: "secret",
      help: "The key. Else MERCURE_PUBLISHER_JWT_KEY or MERCURE_SUBSCRIBER_JWT_KEY, MERCURE_…_SECRET_KEY, SECRET_KEY.",
    },
    algorithm: {
      value: "name",
      help: "How it is signed. Else MERCURE_PUBLISHER_JWT_ALG or MERCURE_SUBSCRIBER_JWT_ALG; default HS256, with PEM by the kind of key.",
    },
  },
  async run({ read, positionals: [role] }) {
    if (!isRole(role)) throw new UsageError("Say whose token it shall be: htmx-mercure token publisher|subscriber");
    const profile = readProfile(read, readHubUrl(read));
    const selectors = readSelectors(read, read.strings("topic") ?? [], profile.protocol);
    if (selectors.length === 0) throw new UsageError("Name the topics that the token grants: --topic <topic>");
    const payload = readPayload(read.string("payload"));
    if (payload !== undefined && role === "publisher") throw new UsageError("A payload is for subscribers.");
    const lifetime = read.number("expires-in", { min: 1 }) ?? 3600;
    const signer = readSigner(read, role);
    if (signer === undefined) throw new UsageError(`A token needs the hub's secret: ${waysToSecret}.`);
    const grants = role === "publisher" ? { publish: selectors } : { subscribe: selectors, payload };
    console.log(signToken(grants, profile, signer, lifetime));
    return 0;
  },
};

function isRole(role: string | undefined): role is Role {
  return role !== undefined && roles.includes(role);
}

function readPayload(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError('The flag --payload needs JSON, such as --payload \'{"name":"Ada"}\'.');
  }
}
