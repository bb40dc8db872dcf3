// Builds what people see with HubSpot's own builder, the way HubSpot does on upload.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { remoteBuild } from '@hubspot/ui-extensions-dev-server/build';

const app = fileURLToPath(new URL('project/src/app/', import.meta.url));
const metas = ['cards/thnks-card', 'actions/send-thnks', 'pages/pages', 'settings/settings'];

const outputDir = mkdtempSync(join(tmpdir(), 'bundle-'));
try {
  for (const meta of metas) {
    const { entrypoint } = JSON.parse(readFileSync(`${app}${meta}-hsmeta.json`, 'utf8')).config;
    const entryPoint = basename(entrypoint);
    assert.ok(existsSync(join(app, entrypoint.replace('/app/', ''))), entrypoint);
    await remoteBuild({
      root: join(app, meta.split('/')[0]),
      entryPoint,
      outputDir,
      logLevel: 'warn',
      appConfig: { variables: { PUBLIC_URL: 'https://sync.example.com' } },
    });
    const built = readFileSync(join(outputDir, entryPoint.replace('.tsx', '.js')), 'utf8');
    const manifest = readFileSync(join(outputDir, entryPoint.replace('.tsx', '-manifest.json')), 'utf8');
    assert.ok(built.includes('/hubspot/card/'), `${entryPoint} does not ask the program`);
    assert.ok(manifest.includes('0.17.0'), `${entryPoint} has another version of HubSpot's components`);
    console.log(`${entryPoint}: ${built.length} bytes`);
  }
} finally {
  rmSync(outputDir, { recursive: true, force: true });
}
