import type { Express, Response } from "express";
import type { Kit } from "htmx-mercure";
import type { DataSource } from "typeorm";
import type { Recorder } from "./dashboard.js";
import { TodoItem } from "./models/todo-item.js";
import { readable } from "./readable.js";

export function todos(app: Express, kit: Kit, database: DataSource, record: Recorder): void {
  const { sse, render, oob } = kit;
  const items = database.getRepository(TodoItem);

  const count = async () => ({ done: await items.countBy({ done: true }), all: await items.count() });
  const page = async () => ({ TodoItem, items: await items.find({ order: { id: "ASC" } }), ...(await count()) });

  sse.model(TodoItem, { props: (item) => ({ item }) });

  // #region shown
  async function changed(item: TodoItem) {
    await sse.publish(TodoItem, item);
    await recount();
  }

  async function deleted(id: number) {
    await sse.remove(TodoItem, `todo-${id}`);
    await recount();
  }

  async function recount() {
    const html = render("TodoCount", await count());
    const place = { swap: "innerHTML", target: "#count" };
    await sse.publish(TodoItem, oob(html, place));
  }
  // #endregion

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
    const item = await items.save(items.create({ title }));
    await changed(item);
    await record(`“${item.title}” was added`);
    answer(res);
  });

  // Any other value in place of an id leads to a page that does not exist.
  app.param("id", (_req, _res, next, id: string) => next(/^\d{1,15}$/.test(id) ? undefined : "route"));

  // The wanted state and not "toggle": two people who tick the same item mean the same.
  app.post("/todos/:id/done", async (req, res) => {
    const id = Number(req.params.id);
    await items.update({ id }, { done: req.body?.done === "true" });
    const item = await items.findOneBy({ id });
    if (item) {
      await changed(item);
      await record(item.done ? `“${item.title}” was done` : `“${item.title}” was reopened`);
    }
    answer(res);
  });

  app.post("/todos/:id/delete", async (req, res) => {
    const item = await items.findOneBy({ id: Number(req.params.id) });
    if (item) {
      await items.delete(item.id);
      await deleted(item.id);
      await record(`“${item.title}” was deleted`);
    }
    answer(res);
  });

  app.post("/todos/clear", async (_req, res) => {
    const done = await items.findBy({ done: true });
    for (const item of done) {
      await items.delete(item.id);
      await deleted(item.id);
    }
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
