import { EntitySchema } from "typeorm";
import { colour, initials } from "../avatar.js";

/** Two messages of one author within this time appear under one name. */
const sameBreath = 5 * 60_000;

const day = new Intl.DateTimeFormat("en", { weekday: "long", day: "numeric", month: "long" });
const time = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

export class Message {
  static readonly maxAuthor = 40;
  static readonly maxText = 500;

  id!: number;
  author!: string;
  text!: string;
  createdAt!: Date;

  get day(): string {
    return day.format(this.createdAt);
  }

  get time(): string {
    return time.format(this.createdAt);
  }

  get initials(): string {
    return initials(this.author);
  }

  get colour(): number {
    return colour(this.author);
  }

  /** Whether this continues the message above it, so that name and picture appear once. */
  continues(previous?: Message | null): boolean {
    return (
      previous?.author === this.author &&
      previous.day === this.day &&
      this.createdAt.getTime() - previous.createdAt.getTime() < sameBreath
    );
  }
}

// The model uses a schema because decorators need type metadata, which tools that only strip types do not emit.
export const MessageSchema = new EntitySchema<Message>({
  name: "Message",
  target: Message,
  columns: {
    id: { type: Number, primary: true, generated: "increment" },
    author: { type: String, length: Message.maxAuthor },
    text: { type: String, length: Message.maxText },
    createdAt: { type: "datetime", createDate: true },
  },
});
