// The little that htmx can say only with eval, which the Content-Security-Policy forbids.

const notice = document.getElementById("notice");

document.addEventListener("htmx:afterRequest", ({ detail: { elt, requestConfig, successful } }) => {
  if (!successful) return;
  notice.textContent = "";
  // A field is emptied once the server took what stands in it, unless its writer is at the next line already.
  for (const field of elt.closest("form")?.querySelectorAll("[data-clear]") ?? []) {
    if (field.value === requestConfig.formData.get(field.name)) field.value = "";
  }
});

// 422 is an answer too: the form says what was wrong.
document.addEventListener("htmx:responseError", ({ detail }) => {
  if (detail.xhr.status !== 422) sayThatNothingHappened();
});
document.addEventListener("htmx:sendError", sayThatNothingHappened);

function sayThatNothingHappened() {
  notice.textContent = "The server did not answer. Please try again in a moment.";
}

// What is on the page may be old. The stylesheet waits a second before it shows this: most restarts are shorter.
document.addEventListener("htmx:sseError", () => document.body.classList.add("offline"));
document.addEventListener("htmx:sseOpen", () => document.body.classList.remove("offline"));
