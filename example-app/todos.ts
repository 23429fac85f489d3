import type { Express, Response } from "express";
import type { Kit } from "htmx-mercure";
import type { DataSource, EntityManager } from "typeorm";
import type { Recorder } from "./dashboard.js";
import { inTransaction } from "./database.js";
import { TodoItem } from "./models/todo-item.js";
import { readable } from "./readable.js";

export function todos(app: Express, kit: Kit, database: DataSource, record: Recorder): void {
  const { sse, render, oob } = kit;
  const items = database.getRepository(TodoItem);

  const count = async (manager = database.manager) => ({
    done: await manager.countBy(TodoItem, { done: true }),
    all: await manager.count(TodoItem),
  });
  const page = async () => ({ TodoItem, items: await items.find({ order: { id: "ASC" } }), ...(await count()) });

  sse.model(TodoItem, { props: (item) => ({ item }) });

  // #region shown
  async function changed(item: TodoItem, transaction: EntityManager) {
    await sse.publish(TodoItem, item, { transaction });
    await recount(transaction);
  }

  async function deleted(id: number, transaction: EntityManager) {
    await sse.remove(TodoItem, `todo-${id}`, { transaction });
    await recount(transaction);
  }

  async function recount(transaction: EntityManager) {
    const html = render("TodoCount", await count(transaction));
    const place = { swap: "innerHTML", target: "#count" };
    await sse.publish(TodoItem, oob(html, place), { transaction });
  }
  // #endregion

  const remove = (id: number) =>
    inTransaction(database, async (manager) => {
      await manager.delete(TodoItem, id);
      await deleted(id, manager);
    });

  app.get("/todos", async (_req, res) => {
    res.render("todos.njk", await page());
  });

  app.post("/todos", async (req, res) => {
    const title = readable(req.body?.title);
    const error = problem(title, await items.count());
    if (error) {
      res.status(422);
      if (req.get("HX-Request")) res.component("FormError", { error });
      else res.render("todos.njk", { ...(await page()), title, error });
      return;
    }
    const item = items.create({ title });
    await inTransaction(database, async (manager) => changed(await manager.save(item), manager));
    await record(`“${item.title}” was added`);
    answer(res);
  });

  // Any other value in place of an id leads to a page that does not exist.
  app.param("id", (_req, _res, next, id: string) => next(/^\d{1,15}$/.test(id) ? undefined : "route"));

  // The wanted state and not "toggle": two people who tick the same item mean the same.
  app.post("/todos/:id/done", async (req, res) => {
    const id = Number(req.params.id);
    const item = await inTransaction(database, async (manager) => {
      // Another process can write at any time: a transaction that reads first could no longer write then.
      await manager.update(TodoItem, { id }, { done: req.body?.done === "true" });
      const found = await manager.findOneBy(TodoItem, { id });
      if (found) await changed(found, manager);
      return found;
    });
    if (item) {
      await record(item.done ? `“${item.title}” was done` : `“${item.title}” was reopened`);
    }
    answer(res);
  });

  app.post("/todos/:id/delete", async (req, res) => {
    const item = await items.findOneBy({ id: Number(req.params.id) });
    if (item) {
      await remove(item.id);
      await record(`“${item.title}” was deleted`);
    }
    answer(res);
  });

  app.post("/todos/clear", async (_req, res) => {
    const done = await items.findBy({ done: true });
    for (const { id } of done) await remove(id);
    if (done.length > 0) await record("The done items were cleared away");
    answer(res);
  });
}

/** htmx gets an empty answer, because the changes arrive by the stream. It also clears the place for an error. */
function answer(res: Response): void {
  if (res.req.get("HX-Request")) res.send("");
  else res.redirect(303, "/todos");
}

function problem(title: string, count: number): string | undefined {
  if (title === "") return "Please enter an item.";
  if (title.length > TodoItem.maxTitle) return `An item can have at most ${TodoItem.maxTitle} characters.`;
  if (count >= TodoItem.maxItems) return `The list is full. It can have at most ${TodoItem.maxItems} items.`;
  return undefined;
}
