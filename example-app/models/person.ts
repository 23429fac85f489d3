import { EntitySchema } from "typeorm";
import { colour, initials } from "../avatar.js";

/** Somebody who has signed in, until they sign out. Nobody else can have the name meanwhile. */
export class Person {
  static readonly maxName = 40;

  id!: string;
  name!: string;
  /** By which names are compared. */
  key!: string;
  createdAt!: Date;

  /** Names that look alike are one. */
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
