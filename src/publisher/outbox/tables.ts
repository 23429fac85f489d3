import { invalidOption } from "../../shared/option-reader.js";

/** The kinds of databases that can hold an outbox. */
export const outboxDialects = ["sqlite", "mysql"] as const;

/** A kind of database that can hold an outbox. */
export type OutboxDialect = (typeof outboxDialects)[number];

export const defaultOutboxTable = "mercure_outbox";

/** The time by the database's clock, in seconds since 1970. */
export const nowIn: Record<OutboxDialect, string> = {
  sqlite: "cast(strftime('%s', 'now') as integer)",
  mysql: "unix_timestamp()",
};

/**
 * Checks the name of a table, which is part of the SQL text. No database needs quotes for such names.
 *
 * @throws MercureError `ERR_OPTION`
 */
export function checkTableName(name: string): string {
  if (/^[a-z_][a-z0-9_]{0,50}$/.test(name)) return name;
  const rule = "must consist of 1 to 51 lower-case letters, digits and _, and must not begin with a digit";
  throw invalidOption("outbox.table", `${rule}: ${JSON.stringify(name)}`);
}

/**
 * Returns the statements that create the missing tables of an outbox: one table for the updates, and one for the lease,
 * so that one relay works at a time. No position is used twice, because a slow relay may still delete it.
 */
export function outboxStatements(dialect: OutboxDialect, table: string): readonly string[] {
  const isMysql = dialect === "mysql";
  const position = isMysql ? "bigint auto_increment primary key" : "integer primary key autoincrement";
  const record = isMysql ? "longtext character set ascii" : "text";
  const end = isMysql ? " engine = InnoDB" : "";
  return [
    `create table if not exists ${table} (position ${position}, version int not null, record ${record} not null, error text, created_at timestamp not null default current_timestamp)${end}`,
    `create table if not exists ${table}_relay (only_row int primary key, holder varchar(36) not null, lease_end bigint not null)${end}`,
    `insert ${isMysql ? "" : "or "}ignore into ${table}_relay values (1, '', 0)`,
  ];
}

/** Returns the SQL that creates the tables of an outbox. It can run repeatedly. */
export function outboxSql(dialect: OutboxDialect, table = defaultOutboxTable): string {
  return outboxStatements(dialect, checkTableName(table)).join(";\n").concat(";");
}
