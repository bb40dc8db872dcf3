// Copies the app to project/, below the node_modules of this folder, where HubSpot's
// tools find what its files import. HubSpot installs the packages of the app beside
// its files; in the repository they would lie in the way of the go command.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';

const here = (path) => new URL(path, import.meta.url);

rmSync(here('project'), { recursive: true, force: true });
cpSync(here('../../hubspot/app'), here('project'), {
  recursive: true,
  filter: (path) => !path.endsWith('/node_modules'),
});

// What npm does for the app's workspaces.
mkdirSync(here('project/src/app/node_modules/@thnks'), { recursive: true });
for (const name of readdirSync(here('project/src/app/packages'))) {
  symlinkSync(`../../packages/${name}`, here(`project/src/app/node_modules/@thnks/${name}`));
}

// The examples of the program's answers become typed values: the compiler then says
// where the types of the app and the program's are not the same.
const types = {
  form: 'Form', gifts: 'Gifts', 'preview-request': 'Draft', preview: 'Preview', problem: 'Problem',
  'send-request': 'Draft', sends: 'Sends', settings: 'Settings',
};
const others = ['execution', 'options-request', 'options', 'outcome']; // of the workflow action, which has no page
const files = readdirSync(here('../../sync/card/testdata')).filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -5));
assert.deepEqual(files.sort(), [...Object.keys(types), ...others].sort(), 'the examples');

const examples = Object.entries(types).map(([file, type]) => {
  const text = readFileSync(here(`../../sync/card/testdata/${file}.json`), 'utf8');
  const name = file.replace(/-(.)/, (_, letter) => letter.toUpperCase());
  return `export const ${name}: wire.${type} = ${text.trim()};\n`;
});
writeFileSync(here('project/src/app/packages/gifts/examples.ts'), `import type * as wire from './wire.ts';\n\n${examples.join('\n')}`);
