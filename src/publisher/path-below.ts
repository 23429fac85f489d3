/** Returns a path of the application below the path at which it is mounted, which an option may hold already. */
export function pathBelow(mountPath: string, path: string): string {
  return mountPath !== "" && path.startsWith(`${mountPath}/`) ? path : mountPath + path;
}
