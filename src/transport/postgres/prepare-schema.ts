import type { Client } from "pg";
import { MercureError } from "../../shared/errors.js";
import { schemaSql } from "./schema.js";
import { schemaVersion } from "./schema-version.js";

/** Creates the schema if it is missing, or brings it up to date. Several nodes can do so at once. */
export async function prepareSchema(client: Client, schema: string, mayCreate: boolean): Promise<void> {
  let version = await versionOf(client, schema);
  if (version === undefined && mayCreate) {
    await create(client, schema);
    version = await versionOf(client, schema);
  }
  if (version === undefined) throw new MercureError("ERR_TRANSPORT", `${missing(schema)} ${remedy(schema)}`);
  if (version > schemaVersion) {
    const known = `this version of htmx-mercure knows ${schemaVersion}`;
    throw new MercureError(
      "ERR_TRANSPORT",
      `The schema ${schema} has the version ${version}, and ${known}. Update htmx-mercure.`,
    );
  }
}

const missing = (schema: string) => `The database has no schema ${schema}.`;
const remedy = (schema: string) =>
  `Create it as a role that can: npx htmx-mercure schema --schema ${schema} --role ROLE | psql DATABASE`;

/** Returns undefined without the schema. */
async function versionOf(client: Client, schema: string): Promise<number | undefined> {
  const found = await client.query("select to_regclass($1) is not null as found", [`${schema}.meta`]);
  if (!found.rows[0].found) return undefined;
  const { rows } = await client.query(`select version from ${schema}.meta`);
  return rows[0]?.version;
}

async function create(client: Client, schema: string): Promise<void> {
  try {
    await client.query(schemaSql(schema));
  } catch (error) {
    await client.query("rollback");
    if ((error as { code?: string }).code !== "42501") throw error;
    const message = `${missing(schema)} The hub may not create it: ${(error as Error).message}. ${remedy(schema)}`;
    throw new MercureError("ERR_TRANSPORT", message, { cause: error });
  }
}
