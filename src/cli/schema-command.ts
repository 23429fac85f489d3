import { outboxDialects, outboxSql } from "../publisher/outbox/tables.js";
import { schemaSql } from "../transport/postgres/schema.js";
import type { Command } from "./command.js";

export const schemaCommand: Command = {
  name: "schema",
  summary: "Prints the SQL that creates the tables of the history in PostgreSQL, or those of an outbox.",
  usage: "[flags]",
  details: `The SQL can run repeatedly. It is for a database whose roles cannot create tables: htmx-mercure schema | psql, or
htmx-mercure schema --outbox mysql | mysql`,
  positionals: 0,
  flags: {
    outbox: {
      value: "dialect",
      choices: outboxDialects,
      help: "Print the tables of an outbox instead: sqlite or mysql.",
    },
    table: { value: "name", help: "The name of the outbox's table. Default mercure_outbox." },
    schema: { value: "name", help: "The name of the schema. Default mercure." },
    role: {
      value: "name",
      help: "The role of the hub, which gets the privileges. Default: the role that runs the SQL.",
    },
  },
  async run({ read }) {
    const dialect = read.oneOf("outbox", outboxDialects);
    const history = () => schemaSql(read.string("schema") ?? "mercure", read.string("role"));
    console.log(dialect === undefined ? history() : outboxSql(dialect, read.string("table")));
    return 0;
  },
};
