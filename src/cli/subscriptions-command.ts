import type { Command } from "./command.js";
import { Failure, UsageError } from "./errors.js";
import { hubUrlFlags, readHubUrl, readToken, tokenFlags } from "./remote-hub-flags.js";
import { terminalText } from "./terminal-text.js";

/** How long the hub may take to answer, in milliseconds. */
const patience = 10_000;

interface Subscription {
  readonly topic: string;
  readonly subscriber: string;
  readonly active?: boolean;
  readonly payload?: unknown;
}

export const subscriptionsCommand: Command = {
  name: "subscriptions",
  summary: "Lists who is subscribed to what.",
  usage: "[topic] [flags]",
  details: `One line each: topic, subscriber, payload, with tabs between. The hub must serve the subscriptions API, and the
token has to grant it.`,
  positionals: 1,
  flags: {
    json: { help: "Print what the hub answers, in JSON." },
    ...hubUrlFlags,
    ...tokenFlags("subscriber"),
  },
  async run({ read, positionals: [topic] }) {
    const json = read.boolean("json") ?? false;
    const base = `${readHubUrl(read).replace(/\/$/, "")}/subscriptions`;
    const url = topic === undefined ? base : `${base}/${encodeURIComponent(topic)}`;
    const token = readToken(read, "subscriber", { subscribe: [{ text: "*" }] });
    if (token === undefined) {
      throw new UsageError("The list needs a token or a secret: --jwt-file, MERCURE_SUBSCRIBER_JWT, --secret-file …");
    }
    const answer = await ask(url, token);
    if (json) console.log(JSON.stringify(answer));
    else for (const each of subscriptionsIn(url, answer)) console.log(lineOf(each));
    return 0;
  },
};

async function ask(url: string, token: string): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(url, {
      headers: { Authorization: `Bearer ${token}`, Accept: "application/ld+json" },
      redirect: "error",
      signal: AbortSignal.timeout(patience),
    });
    if (response.ok) return await response.json();
  } catch (error) {
    const { message, cause } = error as Error;
    throw new Failure(`${url} gives no list: ${cause instanceof Error ? cause.message || message : message}.`);
  }
  const challenge = response.headers.get("WWW-Authenticate");
  const details = challenge === null ? "" : ` (${challenge})`;
  throw new Failure(`${url} gives no list: ${response.status}${details}.`);
}

function subscriptionsIn(url: string, answer: unknown): readonly Subscription[] {
  const list = (answer as { subscriptions?: unknown } | null)?.subscriptions;
  if (!Array.isArray(list)) throw new Failure(`${url} gives no list of subscriptions.`);
  return list as Subscription[];
}

function lineOf({ topic, subscriber, payload }: Subscription): string {
  const cells = [topic, subscriber, payload === undefined ? "" : JSON.stringify(payload)];
  return cells.map((cell) => terminalText(String(cell)).replaceAll("\t", "\\t")).join("\t");
}
