/** Nunjucks counts lines and columns from 0 while it renders, and leaves out the place of a call on line 0. */
export function withTrueLine(message: string, original: string): string {
  const head = message.slice(0, message.length - original.length).replace("MercureError: ", "");
  const place = /\)(?: \[Line (\d+)(?:, Column (\d+))?\])?(\s*)$/;
  const counted = head.replace(place, (_, line = "0", column: string | undefined, space: string) => {
    const columnText = column === undefined ? "" : `, Column ${Number(column) + 1}`;
    return `) [Line ${Number(line) + 1}${columnText}]${space}`;
  });
  return counted + original;
}
