// Swagger UI on this service's own OpenAPI document. It contacts no other host.

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

// Swagger UI leaves some fields without an accessible name.
const root = document.querySelector("#docs");
new MutationObserver(() => {
  for (const field of root.querySelectorAll("input, select, textarea")) {
    const isServer = field.id === "servers"; // its label is empty
    if (field.ariaLabel || (field.labels?.length && !isServer)) continue;
    const parameter = field.closest("[data-param-name]")?.dataset.paramName;
    const other = isServer ? "Server" : field.matches("select") ? "Media type" : "Request body";
    field.ariaLabel = parameter ?? other;
  }
}).observe(root, { childList: true, subtree: true });

// Where the service is: at the root of its host, or below a path that a proxy serves it under.
const service = new URL("../", document.currentScript.src);

/** Requests go to where this page came from, whatever path a proxy serves it under. */
async function readDocument() {
  const response = await fetch(new URL("openapi.json", service));
  return { ...await response.json(), servers: [{ url: service.pathname.slice(0, -1) || "/" }] };
}

readDocument().then((spec) => SwaggerUIBundle({
  spec,
  dom_id: "#docs",
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  defaultModelsExpandDepth: 0,
  plugins: [
    // Drops the link inside the button that opens an operation: it does the same, and nested controls are inaccessible.
    ({ React }) => ({ wrapComponents: { DeepLink: () => ({ text }) => React.createElement("span", null, text) } }),
  ],
})).catch((error) => {
  root.textContent = `The API's document cannot be read: ${error.message}`;
});
