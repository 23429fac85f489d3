import { EntitySchema } from "typeorm";
import { colour, initials } from "../avatar.js";

/** A signed-in person, until they sign out or another person takes the name that they no longer use. */
export class Person {
  static readonly maxName = 40;
  /** The lifetime of a session's cookie, in milliseconds. */
  static readonly maxSession = 12 * 60 * 60_000;
  /** `seenAt` can be older than the newest request or stream by this many milliseconds. */
  static readonly seenEvery = 10_000;

  id!: string;
  name!: string;
  /** Names are compared by this key. */
  key!: string;
  createdAt!: Date;
  /** The time of the newest request or open stream. */
  seenAt!: Date;

  /** Names that look alike are equal. */
  static keyOf(name: string): string {
    return name.normalize("NFKC").toLowerCase();
  }

  get initials(): string {
    return initials(this.name);
  }

  get colour(): number {
    return colour(this.name);
  }
}

export const PersonSchema = new EntitySchema<Person>({
  name: "Person",
  target: Person,
  columns: {
    id: { type: String, primary: true },
    name: { type: String, length: Person.maxName },
    key: { type: String, unique: true },
    createdAt: { type: "datetime", createDate: true },
    seenAt: { type: "datetime", default: () => "CURRENT_TIMESTAMP" },
  },
});
