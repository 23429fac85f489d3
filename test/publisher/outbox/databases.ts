import type { TestContext } from "node:test";
import { DataSource } from "typeorm";
import type { Query } from "../../contract/outbox.js";

/** Runs the work in a transaction of a connection. */
export async function begun<T>(query: Query, work: () => Promise<T>): Promise<T> {
  await query("begin");
  try {
    const result = await work();
    await query("commit");
    return result;
  } catch (error) {
    await query("rollback");
    throw error;
  }
}

/** Opens a DataSource for the time of a test. */
export async function typeorm(
  t: TestContext,
  options: ConstructorParameters<typeof DataSource>[0],
): Promise<DataSource> {
  const source = new DataSource(options);
  await source.initialize();
  t.after(() => source.destroy());
  return source;
}
