/** The version of the schema. A newer one in the database is refused. */
export const schemaVersion = 1;
