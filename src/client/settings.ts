import "./index.js";

// Applies the settings of the application, which are attributes of this script's tag. The other scripts therefore have
// the same content in all applications.
const { pauseHiddenAfter } = document.currentScript!.dataset;
if (window.mercure) window.mercure.pauseHiddenAfter = Number(pauseHiddenAfter);
