/**
 * The version of the records that nodes write. A record without a version has the first one. Fields can be added
 * without a new version, because nodes ignore fields that they do not know.
 */
export const recordVersion = 1;
