import type { ErrorRequestHandler, RequestHandler, Response } from "express";

const answers = new Map([
  [400, { title: "Not understood", text: "The server could not understand this request." }],
  [403, { title: "Request rejected", text: "The request came from a page of another site, and was rejected." }],
  [404, { title: "Page not found", text: "This page does not exist." }],
  [413, { title: "Too long", text: "The request is too large. Please shorten your text." }],
  [415, { title: "Not understood", text: "The server cannot read a request in this format." }],
  [500, { title: "Something went wrong", text: "The server made a mistake. Please try again in a moment." }],
]);

export const answerMissing: RequestHandler = (_req, res) => answer(res, 404);

/** Only the server's log shows an error's details; clients see its kind. */
export const answerError: ErrorRequestHandler = (error, _req, res, next) => {
  const byClient = error?.status >= 400 && error.status < 500;
  const status = answers.has(error?.status) ? error.status : byClient ? 400 : 500;
  if (status === 500) console.error(error);
  if (res.headersSent) next(error);
  else answer(res, status);
};

function answer(res: Response, status: number): void {
  const { title, text } = answers.get(status)!;
  res.status(status);
  // app.js shows a sentence over the current page.
  if (res.req.get("HX-Request")) res.type("text").send(text);
  else res.render("error.njk", { title, text });
}
