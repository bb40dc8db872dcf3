// Answers the one request that HubSpot's parser makes, for the schemas of components.
import { readFileSync } from 'node:fs';

const schemas = JSON.parse(readFileSync(new URL('./schemas.json', import.meta.url), 'utf8'));

export const http = {
  async get(_account, { url }) {
    if (url !== 'project-components-external/project-schemas/v3/2026.09') {
      throw new Error(`the parser asks for ${url}`);
    }
    return { data: schemas };
  },
};
