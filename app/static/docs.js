// The document of this service, to read and to try; nothing is asked of another host.

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

// Swagger UI leaves some fields without a name for who cannot see where they stand.
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
    // A link within the button that opens an operation does the same and cannot be told from it.
    ({ React }) => ({ wrapComponents: { DeepLink: () => ({ text }) => React.createElement("span", null, text) } }),
  ],
});
