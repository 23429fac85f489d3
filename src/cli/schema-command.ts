import { schemaSql } from "../transport/postgres/schema.js";
import type { Command } from "./command.js";

export const schemaCommand: Command = {
  name: "schema",
  summary: "Prints the SQL that creates the tables of the history in PostgreSQL.",
  usage: "[flags]",
  details:
    "It is one transaction, and can run again. For a database whose roles create no tables: htmx-mercure schema | psql",
  positionals: 0,
  flags: {
    schema: { value: "name", help: "The name of the schema. Default mercure." },
    role: {
      value: "name",
      help: "The role of the hub, which gets the privileges. Default: that of the one who runs the SQL.",
    },
  },
  async run({ read }) {
    console.log(schemaSql(read.string("schema") ?? "mercure", read.string("role")));
    return 0;
  },
};
