// htmx needs eval for these functions, which the Content-Security-Policy forbids.

const notice = document.getElementById("notice");

// A field is emptied when its form is sent, so that the writer can continue at once. Its text is fixed in the request
// here: htmx would read the field of a queued request only when its turn comes, with the text of that moment.
document.addEventListener("htmx:confirm", (event) => {
  const { elt, etc } = event.detail;
  const fields = elt.querySelectorAll("[data-clear]");
  if (fields.length === 0 || etc.values) return;
  // From here on this replaces htmx's own validation, which would find the emptied field invalid.
  elt.noValidate = true;
  if (!elt.reportValidity()) return event.preventDefault();
  etc.values = Object.fromEntries(new FormData(elt));
  for (const field of fields) field.value = "";
  fields[0].focus();
});

// A rejected text returns to its field, unless the writer is at the next line already.
document.addEventListener("htmx:afterRequest", ({ detail: { requestConfig, successful, xhr } }) => {
  // The page itself repeats its requests in the background; MercureStatus speaks for them.
  if (!requestConfig.elt.matches("form, .live")) return;
  const said = successful ? [] : [reason(xhr)];
  const fields = successful ? [] : requestConfig.elt.querySelectorAll("[data-clear]");
  for (const field of fields) {
    const text = requestConfig.formData.get(field.name);
    if (field.value === "") field.value = text;
    else said.push(`Not sent: “${text}”`);
  }
  notice.textContent = said.join(" ").trim();
});

function reason(xhr) {
  if (xhr.status === 0) return "The server did not answer. Please try again in a moment.";
  // The form itself shows this error.
  if (xhr.status === 422) return "";
  // Our server answers with a sentence; a server in between, such as a proxy, answers with a page.
  if (xhr.getResponseHeader("Content-Type")?.startsWith("text/plain")) return xhr.responseText;
  return `That did not work (error ${xhr.status}). Please try again in a moment.`;
}

// After a deletion by keyboard the focus moves to the next item, or after the last item to the field for new ones.
let deleting = "";
document.addEventListener("htmx:beforeRequest", ({ target }) => {
  if (target.matches(".todo form:has(.delete)")) deleting = target.closest(".todo").id;
});
document.addEventListener("htmx:beforeCleanupElement", ({ target }) => {
  if (deleting === "" || target.id !== deleting || !target.querySelector(":focus-visible")) return;
  const next = target.nextElementSibling?.querySelector(".delete") ?? document.querySelector(".adder input");
  next.focus();
});

// The button hides when no item is done. The keyboard then goes on at the field for new items.
document.addEventListener("htmx:beforeRequest", ({ target }) => {
  if (target.querySelector(".clear:focus-visible")) document.querySelector(".adder input").focus();
});

// A user who signed out in another window sees the current page.
document.addEventListener("mercure:end", () => location.reload());
