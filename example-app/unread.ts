import type { Kit } from "htmx-mercure";
import type { DataSource, Repository } from "typeorm";
import { type Conversation, PrivateMessage } from "./models/conversation.js";
import type { Person } from "./models/person.js";

/** Counts the private messages that a person has not seen yet, on every page of that person. */
export class Unread {
  readonly #kit: Kit;
  readonly #messages: Repository<PrivateMessage>;

  constructor(kit: Kit, database: DataSource) {
    this.#kit = kit;
    this.#messages = database.getRepository(PrivateMessage);
  }

  /** @param conversation Counts only this conversation. */
  count(reader: Person, conversation?: Conversation): Promise<number> {
    return this.#messages.countBy({
      recipient: reader.id,
      seen: false,
      ...(conversation && { conversation: conversation.id }),
    });
  }

  /** Marks a conversation's messages as seen, and publishes the new count if it has changed. */
  async clear(reader: Person, conversation: Conversation): Promise<void> {
    const unseen = { conversation: conversation.id, recipient: reader.id, seen: false };
    const { affected } = await this.#messages.update(unseen, { seen: true });
    if (affected) await this.publish(reader);
  }

  /** Publishes the count to all pages of a person. The page of people also fetches its list again. */
  async publish(reader: Person): Promise<void> {
    const { sse, render, oob } = this.#kit;
    const html = render("Unread", { count: await this.count(reader) });
    const badge = oob(html, { swap: "innerHTML", target: "#unread" });
    await sse.publish(reader, badge, { private: true });
  }
}
