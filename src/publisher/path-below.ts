/**
 * Returns a path of the application as browsers see it.
 *
 * @param basePath - The application's base path.
 * @param path - The path from an option; it may already include the base path.
 * @param own - The path within the application, without the base path.
 */
export function pathBelow(basePath: string, path: string, own: string): string {
  return path !== own && basePath !== "" && path.startsWith(`${basePath}/`) ? path : basePath + path;
}
