import type { Client } from "pg";
import { MercureError } from "../../shared/errors.js";
import type { Logger } from "../../shared/logger.js";
import { schemaSql } from "./schema.js";
import { schemaRevision, schemaVersion } from "./schema-version.js";

/** Creates the schema if it is missing, or brings it up to date. Several nodes can do so at once. */
export async function prepareSchema(client: Client, schema: string, mayCreate: boolean, logger: Logger): Promise<void> {
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
  if ((await revisionOf(client, schema)) >= schemaRevision) return;
  try {
    if (!mayCreate) throw new Error("createSchema is false");
    await execute(client, schema);
  } catch (error) {
    // The functions of one version work together, so the node can use the present ones.
    const reason = (error as Error).message;
    logger.warn(
      `htmx-mercure: The schema ${schema} is older than this node, and stays unchanged: ${reason}. ${remedy(schema)}`,
    );
  }
}

const missing = (schema: string) => `The database has no schema ${schema}.`;
const remedy = (schema: string) =>
  `Create it as a role that can: npx htmx-mercure schema --schema ${schema} --role ROLE | psql DATABASE`;

/** Resolves to the version of the schema; undefined if the schema is missing. */
async function versionOf(client: Client, schema: string): Promise<number | undefined> {
  const found = await client.query("select to_regclass($1) is not null as found", [`${schema}.meta`]);
  if (!found.rows[0].found) return undefined;
  const { rows } = await client.query(`select version from ${schema}.meta`);
  return rows[0]?.version;
}

async function revisionOf(client: Client, schema: string): Promise<number> {
  const text =
    "select substring(obj_description(to_regclass($1), 'pg_class') from '^revision (\\d+)$')::int as revision";
  const { rows } = await client.query(text, [`${schema}.history`]);
  return rows[0].revision ?? 0;
}

/** Executes the statements as one query, which is one transaction, even through a pooler. */
async function execute(client: Client, schema: string): Promise<void> {
  try {
    await client.query(schemaSql(schema));
  } catch (error) {
    await client.query("rollback");
    throw error;
  }
}

async function create(client: Client, schema: string): Promise<void> {
  try {
    await execute(client, schema);
  } catch (error) {
    if ((error as { code?: string }).code !== "42501") throw error;
    const message = `${missing(schema)} The hub cannot create it: ${(error as Error).message}. ${remedy(schema)}`;
    throw new MercureError("ERR_TRANSPORT", message, { cause: error });
  }
}
