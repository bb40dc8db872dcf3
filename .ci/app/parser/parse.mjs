// Has HubSpot's own parser read the app and check each component against
// schemas.json. These schemas are ours, from the documentation and the templates of
// HubSpot: what passes them may still be refused by an upload. Copies that are broken
// on purpose show that the checks check.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseProjectConfig } from '@hubspot/project-parsing-lib/projects';
import { isTranslationError, translate } from '@hubspot/project-parsing-lib/translate';

const project = fileURLToPath(new URL('../project', import.meta.url));

// The components of the app; more or fewer are a mistake.
const components = {
  thnks_hubspot_sync: 'APPLICATION',
  webhooks: 'WEBHOOKS',
  send_a_thnks: 'WORKFLOW_ACTION',
  thnks_card: 'CARD',
  send_thnks_to_contacts: 'CRM_BULK_ACTION',
  thnks_pages: 'PAGE',
  thnks_settings: 'SETTINGS',
};

// read returns what the parser makes of a project, or throws what it says is wrong.
async function read(dir) {
  const config = parseProjectConfig(dir);
  const context = { projectSourceDir: join(dir, config.srcDir), platformVersion: config.platformVersion, accountId: 62515 };
  try {
    return await translate(context, { skipValidation: false, profile: 'example' });
  } catch (error) {
    throw isTranslationError(error) ? new Error(error.toString()) : error;
  }
}

function check({ intermediateRepresentation, skippedHsMetaFiles }) {
  assert.deepEqual(skippedHsMetaFiles, [], 'files that HubSpot would leave out');
  const nodes = Object.values(intermediateRepresentation.intermediateNodesIndexedByUid);
  assert.deepEqual(Object.fromEntries(nodes.map((n) => [n.uid, n.componentType])), components, 'the components are others');
  const text = JSON.stringify(nodes);
  assert.ok(!text.includes('${'), 'a variable is not filled');
  assert.ok(text.includes('https://sync.example.com/oauth/callback'), 'the address of the profile is missing');
}

// edit returns a change of one JSON file of the project.
const edit = (file, change) => (dir) => {
  const path = join(dir, 'src/app', file);
  const value = JSON.parse(readFileSync(path, 'utf8'));
  change(value);
  writeFileSync(path, JSON.stringify(value));
};
const app = (change) => edit('app-hsmeta.json', change);
const webhooks = (change) => edit('webhooks/webhooks-hsmeta.json', change);
const action = (change) => edit('workflow-actions/send-a-thnks-hsmeta.json', change);

// Broken copies, each with a part of what is to be said about it.
const broken = [
  ['no way to log in', app((f) => delete f.config.auth), /auth/],
  ['an unknown distribution', app((f) => (f.config.distribution = 'everywhere')), /distribution/],
  ['plain HTTP', app((f) => (f.config.permittedUrls.fetch = ['http://sync.example.com'])), /permittedUrls/],
  ['no scope oauth', app((f) => f.config.auth.requiredScopes.shift()), /requiredScopes/],
  ['a key that HubSpot does not know', app((f) => (f.secret = 'x')), /secret/],
  ['a variable that the profile lacks', app((f) => (f.config.name = '${NAME}')), /NAME/],
  ['an id that comes twice', webhooks((f) => (f.uid = 'thnks_hubspot_sync')), /uid/i],
  ['too few requests side by side', webhooks((f) => (f.config.settings.maxConcurrentRequests = 5)), /maxConcurrentRequests/],
  ['an event that does not exist', webhooks((f) => (f.config.subscriptions.crmObjects[0].subscriptionType = 'object.birth')), /subscriptionType/],
  ['a change of no property', webhooks((f) => delete f.config.subscriptions.crmObjects.at(-1).propertyName), /propertyName/],
  ['an action without an address', action((f) => delete f.config.actionUrl), /actionUrl/],
  ['an action without a name', action((f) => delete f.config.labels.en.actionName), /actionName/],
  ['a field of an unknown type', action((f) => (f.config.inputFields[0].typeDefinition.type = 'gift')), /inputFields/],
  ['a file in the wrong folder', (dir) => {
    mkdirSync(join(dir, 'src/app/hooks'));
    renameSync(join(dir, 'src/app/webhooks/webhooks-hsmeta.json'), join(dir, 'src/app/hooks/webhooks-hsmeta.json'));
  }, /leave out/],
  ['one webhooks file too many', (dir) => {
    const second = readFileSync(join(dir, 'src/app/webhooks/webhooks-hsmeta.json'), 'utf8').replace('"webhooks"', '"more"');
    writeFileSync(join(dir, 'src/app/webhooks/more-hsmeta.json'), second);
  }, /webhooks/],
  ['a place without a card', edit('cards/thnks-card-hsmeta.json', (f) => (f.config.location = 'crm.record.left')), /location/],
  ['a card that is no file of the folder', edit('cards/thnks-card-hsmeta.json', (f) => (f.config.entrypoint = '/app/Card.tsx')), /entrypoint/],
  ['a card on records that we do not know', edit('cards/thnks-card-hsmeta.json', (f) => f.config.objectTypes.push('courses')), /objectTypes/],
  ['an unknown way to show a bulk action', edit('actions/send-thnks-hsmeta.json', (f) => (f.config.displayMode = 'WINDOW')), /displayMode/],
  ['pages without a file', edit('pages/pages-hsmeta.json', (f) => delete f.config.entrypoint), /entrypoint/],
  ['settings with a key too many', edit('settings/settings-hsmeta.json', (f) => (f.config.name = 'x')), /settings-hsmeta/],
  ['a component that is not ours', (dir) => {
    cpSync(join(dir, 'src/app/cards/thnks-card-hsmeta.json'), join(dir, 'src/app/cards/more-hsmeta.json'));
    edit('cards/more-hsmeta.json', (f) => (f.uid = 'more'))(dir);
  }, /the components are others/],
  ['a component that is missing', (dir) => rmSync(join(dir, 'src/app/settings/settings-hsmeta.json')), /the components are others/],
];

check(await read(project));

const dir = mkdtempSync(join(tmpdir(), 'app-'));
try {
  for (const [name, spoil, want] of broken) {
    const copy = join(dir, 'copy');
    rmSync(copy, { recursive: true, force: true });
    cpSync(project, copy, { recursive: true, verbatimSymlinks: true });
    spoil(copy);
    await assert.rejects(async () => check(await read(copy)), (error) => {
      assert.match(error.message, want, name);
      return true;
    }, name);
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
console.log(`${Object.keys(components).length} components, ${broken.length} broken copies found`);
