/** Returns whether the children of an element are shapes of a drawing, which need the parser of `svg`. */
export function isInSvg({ namespaceURI, localName }: Element): boolean {
  return namespaceURI === "http://www.w3.org/2000/svg" && localName !== "foreignObject";
}

/** Removes the element `svg` that was put around shapes for the parser. */
export function unwrapDrawing(fragment: DocumentFragment): void {
  const svg = fragment.querySelector("svg");
  svg?.replaceWith(...svg.childNodes);
}
