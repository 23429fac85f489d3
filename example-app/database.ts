import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import libsql from "libsql";
import { DataSource, type EntityManager } from "typeorm";
import { PrivateMessageSchema } from "./models/conversation.js";
import { Message, MessageSchema } from "./models/message.js";
import { PersonSchema } from "./models/person.js";
import { TodoItem, TodoItemSchema } from "./models/todo-item.js";

/** Opens the database file. Creates it with sample content when it is missing. Several processes can start at once. */
export async function openDatabase(file: string): Promise<DataSource> {
  mkdirSync(dirname(file), { recursive: true });
  // The lock of a second file lets one process at a time look for the tables and create them.
  const lock = new libsql(`${file}-lock`, { timeout: 60_000 });
  lock.exec("begin exclusive");
  try {
    return await prepared(file);
  } finally {
    lock.exec("rollback");
    lock.close();
  }
}

let lastTransaction: Promise<unknown> = Promise.resolve();

/** Runs work in a transaction. TypeORM has one connection to SQLite, so transactions take turns. */
export function inTransaction<T>(database: DataSource, work: (manager: EntityManager) => Promise<T>): Promise<T> {
  const transaction = lastTransaction.then(() => database.transaction(work));
  lastTransaction = transaction.catch(() => {});
  return transaction;
}

async function prepared(file: string): Promise<DataSource> {
  const database = new DataSource({
    // libsql has the interface of better-sqlite3, and installs without a compiler.
    type: "better-sqlite3",
    driver: libsql,
    database: file,
    entities: [MessageSchema, TodoItemSchema, PersonSchema, PrivateMessageSchema],
    synchronize: true,
    // Several processes can write: each waits for the others.
    enableWAL: true,
    timeout: 5000,
  });
  await database.initialize();
  await welcome(database);
  return database;
}

async function welcome(database: DataSource): Promise<void> {
  const messages = database.getRepository(Message);
  if ((await messages.count()) > 0) return;
  await messages.save({
    author: "Mercury",
    text: "Welcome. Open this page in a second window, write something here, and watch it arrive there.",
  });
  await database
    .getRepository(TodoItem)
    .save([
      { title: "Start the example", done: true },
      { title: "Open this list in a second window" },
      { title: "Tick something off, and watch both" },
      { title: "Restart the server: the list is still here" },
    ]);
}
