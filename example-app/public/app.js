// htmx needs eval for these functions, which the Content-Security-Policy forbids.

const notice = document.getElementById("notice");

/** Listens to an event by its names in htmx 2 and htmx 4, since this app runs on both. */
function onEither(nameIn2, nameIn4, listener) {
  for (const name of [nameIn2, nameIn4]) document.addEventListener(name, listener);
}

// A field is emptied when its form is sent, so that the writer can continue at once. Its text is added to the request
// here: htmx 2 would read the field of a queued request only when its turn comes, with the text of that moment.
document.addEventListener("htmx:confirm", (event) => {
  const { elt, etc } = event.detail;
  if (!elt?.querySelector("[data-clear]") || etc.values) return;
  // From here on this replaces htmx's own validation, which would find the emptied field invalid.
  elt.noValidate = true;
  if (!elt.reportValidity()) return event.preventDefault();
  etc.values = Object.fromEntries(new FormData(elt));
  clear(elt);
});

// htmx 4 has validated and read the form before this event.
document.addEventListener("htmx:config:request", ({ target }) => clear(target));

function clear(form) {
  const fields = form.querySelectorAll("[data-clear]");
  for (const field of fields) field.value = "";
  fields[0]?.focus();
}

// A rejected text returns to its field, unless the writer has begun the next line.
document.addEventListener("htmx:afterRequest", ({ detail: { requestConfig, xhr } }) => {
  const type = xhr.getResponseHeader("Content-Type");
  finish(requestConfig.elt, requestConfig.formData, { status: xhr.status, type, text: xhr.responseText });
});
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  const { status = 0, headers } = ctx.response ?? {};
  finish(ctx.sourceElement, ctx.request.body, { status, type: headers?.get("Content-Type"), text: ctx.text });
});

function finish(element, sent, answer) {
  // The page itself repeats its requests in the background; MercureStatus speaks for them.
  if (!element.matches("form, .live")) return;
  const isAccepted = answer.status >= 200 && answer.status < 400;
  const said = isAccepted ? [] : [reason(answer)];
  const fields = isAccepted ? [] : element.querySelectorAll("[data-clear]");
  for (const field of fields) {
    const text = sent.get(field.name);
    if (field.value === "") field.value = text;
    else said.push(`Not sent: “${text}”`);
  }
  notice.textContent = said.join(" ").trim();
}

function reason({ status, type, text }) {
  if (status === 0) return "The server did not answer. Please try again in a moment.";
  // The form itself shows this error.
  if (status === 422) return "";
  // Our server answers with a sentence; a server in between, such as a proxy, answers with a page.
  if (type?.startsWith("text/plain")) return text;
  return `That did not work (error ${status}). Please try again in a moment.`;
}

// After a deletion by keyboard the focus moves to the next item, or after the last item to the field for new ones.
let deleting = "";
onEither("htmx:beforeRequest", "htmx:before:request", ({ target }) => {
  if (target.matches(".todo form:has(.delete)")) deleting = target.closest(".todo").id;
});
// htmx 2 cleans text up too.
onEither("htmx:beforeCleanupElement", "htmx:before:cleanup", ({ target }) => {
  const item = target.closest?.(".todo");
  if (deleting === "" || item?.id !== deleting || !item.querySelector(":focus-visible")) return;
  const next = item.nextElementSibling?.querySelector(".delete") ?? document.querySelector(".adder input");
  next.focus();
});

// The button hides when no item is done. The keyboard then continues at the field for new items.
onEither("htmx:beforeRequest", "htmx:before:request", ({ target }) => {
  if (target.querySelector(".clear:focus-visible")) document.querySelector(".adder input").focus();
});

// A user who signed out in another window sees the current page.
document.addEventListener("mercure:end", () => location.reload());
