import type { SubscriptionDocument } from "../protocol/active-subscription.js";
import { nameOf } from "../protocol/carried-name.js";
import { askForSubscriptions } from "../publisher/remote/remote-subscriptions.js";
import type { Command } from "./command.js";
import { UsageError } from "./errors.js";
import { matcherFlags, protocolFlags, readProfile, readSelectors } from "./identity.js";
import { hubUrlFlags, readHubUrl, readToken, tokenFlags } from "./remote-hub-flags.js";
import { waysToSecret } from "./secrets.js";
import { terminalText } from "./terminal-text.js";

export const subscriptionsCommand: Command = {
  name: "subscriptions",
  summary: "Lists the active subscriptions.",
  usage: "[topic] [flags]",
  details: `Each line contains a topic, a subscriber, a payload and, if processes share the hub, the process that has the
stream, separated by tabs. The hub must serve the subscriptions API, and the token must grant it.`,
  positionals: 1,
  flags: {
    json: { help: "Print the hub's answer, in JSON." },
    ...matcherFlags,
    ...hubUrlFlags,
    ...protocolFlags,
    ...tokenFlags("subscriber"),
  },
  async run({ read, positionals }) {
    const json = read.boolean("json") ?? false;
    const hubUrl = readHubUrl(read);
    const profile = readProfile(read, hubUrl);
    const [selector, ...others] = readSelectors(read, positionals, profile.protocol);
    if (others.length > 0) throw new UsageError("Name one topic, or leave it out for all topics.");
    const makeToken = (topic: string) => {
      const token = readToken(read, "subscriber", profile, { subscribe: [{ text: topic }] });
      if (token !== undefined) return token;
      throw new UsageError(
        `The list needs the hub's secret (${waysToSecret}) or a token (--jwt-file, MERCURE_SUBSCRIBER_JWT).`,
      );
    };
    const answer = await askForSubscriptions({ hubUrl, protocol: profile.protocol, selector, makeToken });
    if (json) console.log(JSON.stringify(answer));
    else for (const each of answer.subscriptions) console.log(lineOf(each));
    return 0;
  },
};

function lineOf({ topic, match, subscriber, payload, node }: SubscriptionDocument): string {
  const cells = [nameOf(topic ?? match ?? ""), subscriber, payload === undefined ? "" : JSON.stringify(payload)];
  if (node !== undefined) cells.push(node);
  return cells.map((cell) => terminalText(String(cell)).replaceAll("\t", "\\t")).join("\t");
}
