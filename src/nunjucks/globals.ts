import type { Environment } from "nunjucks";
import type { Topics } from "../publisher/publish/topics.js";
import type { Publisher } from "../publisher/publisher.js";
import type { Components, Props } from "./components.js";

export interface GlobalsOptions {
  readonly publisher: Publisher;
  readonly components: Components;
  /** Writes the script and style tags. */
  scripts(options: Props): unknown;
}

/** Gives an environment what templates need to stream without our tags, with plain htmx or any EventSource. */
export function addGlobals(environment: Environment, { publisher, components, scripts }: GlobalsOptions): void {
  // A URL of ours holds nothing that HTML or a script's string would have to escape, but for "&": it is a letter like
  // others in a script, where an escaped one would be wrong, and in an attribute it needs none before these parameters.
  const url = (text: string) => components.makeSafe(text);
  const functions: Record<string, (...args: never[]) => unknown> = {
    mercure_hub_url: (topics: Topics, jwt?: string) => url(publisher.hubUrl(topics, jwt)),
    mercure_authentified_hub_url: (topics: Topics) => url(publisher.authentifiedHubUrl(topics)),
    mercure_subscriber_jwt: (topics: Topics) => publisher.subscriberJwt(topics),
    mercure_topic: (topics: Topics) => oneOrAll(publisher.topics(topics)),
    mercure_subscription_topic: (topics: Topics) => oneOrAll(publisher.subscriptionTopics(topics)),
    mercure_presence: (topics: Topics) => publisher.presence(topics),
    mercure_subscriptions: (topics?: Topics, subscriber?: string) => publisher.listSubscriptions(topics, subscriber),
    mercure_scripts: (options: Props = {}) => scripts(options),
  };
  environment.addGlobal("components", components.namespace);
  for (const [name, call] of Object.entries(functions)) environment.addGlobal(name, components.guarded(call));
}

function oneOrAll<Name>(names: readonly [Name, ...Name[]]): Name | readonly Name[] {
  return names.length === 1 ? names[0] : names;
}
