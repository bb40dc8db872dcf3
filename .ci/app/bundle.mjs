// Builds what people see with HubSpot's own builder, the way HubSpot does on upload,
// and the host page that a test draws it in, into project/built.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { remoteBuild } from '@hubspot/ui-extensions-dev-server/build';

const app = fileURLToPath(new URL('project/src/app/', import.meta.url));
const metas = ['cards/thnks-card', 'actions/send-thnks', 'pages/pages', 'settings/settings'];

const outputDir = fileURLToPath(new URL('project/built', import.meta.url));

for (const meta of metas) {
  const folder = meta.split('/')[0];
  const { entrypoint } = JSON.parse(readFileSync(`${app}${meta}-hsmeta.json`, 'utf8')).config;
  const entryPoint = basename(entrypoint);
  assert.ok(existsSync(join(app, entrypoint.replace('/app/', ''))), entrypoint);
  const dir = join(outputDir, folder);
  await remoteBuild({
    root: join(app, folder),
    entryPoint,
    outputDir: dir,
    logLevel: 'warn',
    appConfig: { variables: { PUBLIC_URL: 'https://sync.example.com' } },
  });
  const built = readFileSync(join(dir, entryPoint.replace('.tsx', '.js')), 'utf8');
  const manifest = readFileSync(join(dir, entryPoint.replace('.tsx', '-manifest.json')), 'utf8');
  assert.ok(built.includes('/hubspot/card/'), `${entryPoint} does not ask the program`);
  assert.ok(manifest.includes('0.17.0'), `${entryPoint} has another version of HubSpot's components`);
  console.log(`${entryPoint}: ${built.length} bytes`);
}

await build({
  configFile: false,
  root: fileURLToPath(new URL('host', import.meta.url)),
  logLevel: 'warn',
  define: { 'process.env.NODE_ENV': '"production"' },
  build: { lib: { entry: 'host.tsx', name: 'host', formats: ['iife'], fileName: () => 'host.js' }, outDir: join(outputDir, 'host'), emptyOutDir: true },
});
