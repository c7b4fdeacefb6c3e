// Swagger UI on this service's own OpenAPI document. It contacts no other host.

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

// Swagger UI leaves some fields without an accessible name.
const root = document.querySelector("#docs");
new MutationObserver(() => {
  for (const field of root.querySelectorAll("input, select, textarea")) {
    if (field.ariaLabel || field.labels?.length) continue;
    const parameter = field.closest("[data-param-name]")?.dataset.paramName;
    field.ariaLabel = parameter ?? (field.matches("select") ? "Media type" : "Request body");
  }
}).observe(root, { childList: true, subtree: true });

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  defaultModelsExpandDepth: 0,
  plugins: [
    // Drops the link inside the button that opens an operation: it does the same, and nested controls are inaccessible.
    ({ React }) => ({ wrapComponents: { DeepLink: () => ({ text }) => React.createElement("span", null, text) } }),
  ],
});
