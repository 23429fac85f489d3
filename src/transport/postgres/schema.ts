import { invalidOption } from "../../shared/option-reader.js";

/** The version of the schema. A newer one in the database is refused. */
export const schemaVersion = 1;

/**
 * Checks the name of a schema, which is part of the SQL text. PostgreSQL needs no quotes for such names.
 *
 * @throws MercureError `ERR_OPTION`
 */
export function checkSchemaName(name: string): string {
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(name)) return name;
  throw invalidOption(
    "schema",
    `must have 1 to 63 small letters, digits and _, and must not begin with a digit: ${JSON.stringify(name)}`,
  );
}
