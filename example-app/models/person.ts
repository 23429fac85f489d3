import { EntitySchema } from "typeorm";
import { colour, initials } from "../avatar.js";

/** A signed-in person, until they sign out. Their name is taken for that time. */
export class Person {
  static readonly maxName = 40;

  id!: string;
  name!: string;
  /** Names are compared by this key. */
  key!: string;
  createdAt!: Date;

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
  },
});
