import { relative, resolve } from "node:path";
import type { Application } from "express";
import type { Environment } from "nunjucks";
import type { Components } from "../nunjucks/components.js";

/** Makes `res.render("name")` find and render the application's templates. Other view engines keep their files. */
export function useTemplates(
  app: Application,
  environment: Environment,
  folders: readonly string[],
  components: Components,
): void {
  const absolute = folders.map((folder) => resolve(folder));
  app.set("views", absolute);
  if (app.get("view engine") === undefined) app.set("view engine", "njk");
  app.engine("njk", (path, context, callback) => {
    let html: string;
    try {
      const folder = absolute.find((each) => path.startsWith(each)) ?? "";
      html = components.attempt(() => environment.getTemplate(relative(folder, path)).render(context));
    } catch (error) {
      callback(error);
      return;
    }
    callback(null, html);
  });
}
