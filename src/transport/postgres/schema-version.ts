/** The version of the schema. A newer one in the database is refused. */
export const schemaVersion = 1;

/**
 * The revision of the functions within the version. The functions of all revisions work together. Raise it with each
 * change of the statements.
 */
export const schemaRevision = 3;
