import { EntitySchema } from "typeorm";
import { Message } from "./message.js";
import type { Person } from "./person.js";

/** The messages between two people. Its topic is `Conversation/` and its id. */
export class Conversation {
  readonly id: string;

  constructor(one: Pick<Person, "id">, other: Pick<Person, "id">) {
    this.id = [one.id, other.id].sort().join("+");
  }
}

/** A message that only two people can read. */
export class PrivateMessage extends Message {
  conversation!: string;
  /** The id of the person that receives the message. */
  recipient!: string;
  /** Whether the recipient has opened the conversation since. */
  seen!: boolean;
}

export const PrivateMessageSchema = new EntitySchema<PrivateMessage>({
  name: "PrivateMessage",
  target: PrivateMessage,
  columns: {
    id: { type: Number, primary: true, generated: "increment" },
    conversation: { type: String },
    // The defaults are for rows of databases that did not have these columns.
    recipient: { type: String, default: "" },
    seen: { type: Boolean, default: false },
    author: { type: String, length: Message.maxAuthor },
    text: { type: String, length: Message.maxText },
    createdAt: { type: "datetime", createDate: true },
  },
  indices: [{ columns: ["conversation"] }, { columns: ["recipient"] }],
});
