// The little that htmx can say only with eval, which the Content-Security-Policy forbids.

const notice = document.getElementById("notice");

// A field is emptied as it is sent, so that its writer can go on at once. Its text goes along with the request: one that
// has to wait for another would be filled in only when its turn comes, with what stands in the field by then.
document.addEventListener("htmx:confirm", (event) => {
  const { elt, etc } = event.detail;
  const fields = elt.querySelectorAll("[data-clear]");
  if (fields.length === 0 || etc.values) return;
  // From here on in place of htmx, which would find the emptied field invalid.
  elt.noValidate = true;
  if (!elt.reportValidity()) return event.preventDefault();
  etc.values = Object.fromEntries(new FormData(elt));
  for (const field of fields) field.value = "";
});

// What was not taken comes back, unless its writer is at the next line already.
document.addEventListener("htmx:afterRequest", ({ detail: { requestConfig, successful, xhr } }) => {
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
  // The form itself shows this one.
  if (xhr.status === 422) return "";
  // Our server answers with a sentence, another on the way, such as a proxy, with a page.
  if (xhr.getResponseHeader("Content-Type")?.startsWith("text/plain")) return xhr.responseText;
  return `That did not work (error ${xhr.status}). Please try again in a moment.`;
}

// Whoever deletes an item by keyboard goes on at the next one, and after the last at the field for new ones.
let deleting = "";
document.addEventListener("htmx:beforeRequest", ({ target }) => {
  if (target.matches(".todo form:has(.delete)")) deleting = target.closest(".todo").id;
});
document.addEventListener("htmx:beforeCleanupElement", ({ target }) => {
  if (deleting === "" || target.id !== deleting || !target.querySelector(":focus-visible")) return;
  const next = target.nextElementSibling?.querySelector(".delete") ?? document.querySelector(".adder input");
  next.focus();
});

// What is on the page may be old. The stylesheet waits a second before it shows this: most restarts are shorter.
document.addEventListener("htmx:sseError", () => document.body.classList.add("offline"));
document.addEventListener("htmx:sseOpen", () => document.body.classList.remove("offline"));

// Whoever signed out in another window sees the page as it is now.
document.addEventListener("mercure:end", () => location.reload());
