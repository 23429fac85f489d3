/**
 * Returns where browsers find a path of the application.
 *
 * @param basePath - The path below which they find all of it.
 * @param path - As an option has it, which can hold the base path already.
 * @param own - The path within the application, which never holds it.
 */
export function pathBelow(basePath: string, path: string, own: string): string {
  return path !== own && basePath !== "" && path.startsWith(`${basePath}/`) ? path : basePath + path;
}
