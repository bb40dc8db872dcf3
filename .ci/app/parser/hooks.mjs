// Puts http.mjs in the place of the module that the parser asks HubSpot through.
export async function resolve(specifier, context, next) {
  if (specifier === '@hubspot/local-dev-lib/http') {
    return { url: new URL('./http.mjs', import.meta.url).href, shortCircuit: true };
  }
  return next(specifier, context);
}
