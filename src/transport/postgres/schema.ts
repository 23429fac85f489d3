import { invalidOption } from "../../shared/option-reader.js";
import { statements } from "./schema-statements.js";

/**
 * Checks the name of a schema, which is part of the SQL text. PostgreSQL needs no quotes for such names.
 *
 * @throws MercureError `ERR_OPTION`
 */
export function checkSchemaName(name: string): string {
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(name)) return name;
  throw invalidOption(
    "schema",
    `must consist of 1 to 63 lower-case letters, digits and _, and must not begin with a digit: ${JSON.stringify(name)}`,
  );
}

/**
 * Returns the SQL that creates a schema, or brings an older one up to date.
 *
 * @param role - A role of the database that can then run a hub.
 * @throws MercureError `ERR_OPTION` for an invalid name of the schema.
 */
export function schemaSql(name: string, role?: string): string {
  const sql = statements.replaceAll("$schema", checkSchemaName(name));
  if (role === undefined) return sql;
  const grants = ["tables", "sequences", "functions"].map((kind) => `all on all ${kind} in schema ${name}`);
  const to = `"${role.replaceAll('"', '""')}"`;
  return [sql, ...[`usage on schema ${name}`, ...grants].map((grant) => `grant ${grant} to ${to};\n`)].join("");
}
