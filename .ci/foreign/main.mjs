// Drives the emulated HubSpot with HubSpot's own Node client, through every
// operation that both know, and says what the client did not like. It reads
// {scenarios, url, …} from the standard input, as foreign_test.go writes it,
// and writes {calls, problems, used}.
import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { Client } from '@hubspot/api-client'
import { Judge } from './typed.mjs'

const world = JSON.parse(readFileSync(0, 'utf8'))
const judge = new Judge(world.allowed)
let calls = 0
let last // the answer that came last, as it was

const send = globalThis.fetch
globalThis.fetch = async (...args) => {
  const answer = await send(...args)
  calls++
  last = { status: answer.status, text: await answer.clone().text() }
  return answer
}

function expect(what, got, want) {
  if (!isDeepStrictEqual(got, want)) judge.problems.push(`${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`)
}

// ok waits for a success and holds the answer against its model.
async function ok(what, family, status, call) {
  const answer = await call.catch((e) => {
    throw new Error(`${what}: ${e.message}`)
  })
  expect(`${what}: status`, last.status, status)
  if (answer === undefined) expect(`${what}: body`, last.text, '')
  else judge.model(what, family, answer.constructor.name, answer, JSON.parse(last.text))
  return answer
}

// refused waits for an ApiException and returns it.
async function refused(what, code, category, call) {
  const e = await call.then(
    () => undefined,
    (e) => e,
  )
  expect(`${what}: error class`, e?.constructor.name, 'ApiException')
  expect(`${what}: code`, e?.code, code)
  expect(`${what}: body`, e?.body, JSON.parse(last.text))
  expect(`${what}: category`, e?.body.category, category)
  expect(`${what}: correlation id`, typeof e?.body.correlationId, 'string')
  expect(`${what}: correlation id of the header`, e?.headers['x-hubspot-correlation-id'], e?.body.correlationId)
  return e
}

const connect = (more) => new Client({ basePath: world.url, accessToken: world.token, ...more })
const spec = (id, category = 'USER_DEFINED') => ({ associationCategory: category, associationTypeId: id })
const ids = (list) => ({ inputs: list.map((id) => ({ id })) })
const keys = (batch) => batch.results.map((r) => r.properties.key).sort()

const scenarios = { operations, refusals, retries, oauth, dated }

async function operations() {
  const { crm } = connect()
  const gift = await schemas(crm)
  await properties(crm, gift)
  const records = await objects(crm, gift)
  await associations(crm, gift, records)
  await people(crm)
  await refused('archive schema with records', 400, 'VALIDATION_ERROR', crm.schemas.coreApi.archive(gift))
  await ok('batch archive', 'crm/objects', 204, crm.objects.batchApi.archive(gift, ids(records)))
  await ok('archive schema', 'crm/schemas', 204, crm.schemas.coreApi.archive(gift))
}

async function schemas(crm) {
  const api = crm.schemas.coreApi
  const made = await ok('create schema', 'crm/schemas', 201, api.create({
    name: 'gift', labels: { singular: 'Gift', plural: 'Gifts' }, primaryDisplayProperty: 'key', requiredProperties: ['key'],
    secondaryDisplayProperties: [], searchableProperties: ['key'], associatedObjects: ['CONTACT'],
    properties: [
      { name: 'key', label: 'Key', type: 'string', fieldType: 'text', hasUniqueValue: true },
      { name: 'amount', label: 'Amount', type: 'number', fieldType: 'number' },
      { name: 'status', label: 'Status', type: 'enumeration', fieldType: 'select', options: [{ label: 'Sent', value: 'sent', displayOrder: 0, hidden: false }] },
    ],
  }))
  const gift = made.objectTypeId
  expect('fully qualified name', made.fullyQualifiedName, `p${world.portal}_gift`)
  const all = await ok('list schemas', 'crm/schemas', 200, api.getAll())
  expect('schemas', all.results.map((s) => s.objectTypeId), [gift])
  await ok('get schema', 'crm/schemas', 200, api.getById(gift))
  const changed = await ok('change schema', 'crm/schemas', 200, api.update(gift, { labels: { singular: 'Present', plural: 'Presents' } }))
  expect('new label', changed.labels.plural, 'Presents')
  const link = await ok('define association', 'crm/schemas', 201, api.createAssociation(gift, { fromObjectTypeId: gift, toObjectTypeId: '0-2', name: 'gift_to_company' }))
  await ok('take association back', 'crm/schemas', 204, api.archiveAssociation(gift, link.id))
  return gift
}

async function properties(crm, gift) {
  const { coreApi, batchApi, groupsApi } = crm.properties
  const note = { name: 'note', label: 'Note', groupName: 'extra', type: 'string', fieldType: 'text' }
  const names = (...list) => ({ archived: false, inputs: list.map((name) => ({ name })) })
  await ok('create group', 'crm/properties', 201, groupsApi.create(gift, { name: 'extra', label: 'Extra', displayOrder: 1 }))
  await ok('list groups', 'crm/properties', 200, groupsApi.getAll(gift))
  await ok('get group', 'crm/properties', 200, groupsApi.getByName(gift, 'extra'))
  await ok('change group', 'crm/properties', 200, groupsApi.update(gift, 'extra', { label: 'More' }))
  await ok('create property', 'crm/properties', 201, coreApi.create(gift, note))
  await ok('list properties', 'crm/properties', 200, coreApi.getAll(gift))
  await ok('get property', 'crm/properties', 200, coreApi.getByName(gift, 'note'))
  const changed = await ok('change property', 'crm/properties', 200, coreApi.update(gift, 'note', { label: 'Words' }))
  expect('new label', changed.label, 'Words')
  await ok('create properties', 'crm/properties', 201, batchApi.create(gift, { inputs: [{ ...note, name: 'odd' }] }))
  await ok('create properties, one there', 'crm/properties', 207, batchApi.create(gift, { inputs: [{ ...note, name: 'even' }, note] }))
  await ok('read properties', 'crm/properties', 200, batchApi.read(gift, names('note', 'odd')))
  await ok('read properties, one missing', 'crm/properties', 207, batchApi.read(gift, names('note', 'no_such')))
  await ok('archive properties', 'crm/properties', 204, batchApi.archive(gift, names('odd', 'even')))
  await ok('archive property', 'crm/properties', 204, coreApi.archive(gift, 'note'))
  await ok('archive group', 'crm/properties', 204, groupsApi.archive(gift, 'extra'))
}

async function objects(crm, gift) {
  const { basicApi, batchApi, searchApi } = crm.objects
  const family = 'crm/objects'
  const kind = (await ok('labels', 'crm/associations/v4/schema', 200, crm.associations.v4.schema.definitionsApi.getAll(gift, 'contacts'))).results[0].typeId
  const one = await ok('create', family, 201, basicApi.create(gift, {
    properties: { key: 'T-1', amount: '12.50', status: 'sent' }, associations: [{ to: { id: world.contact }, types: [spec(kind)] }],
  }))
  const got = await ok('get', family, 200, basicApi.getById(gift, one.id, ['key', 'status', 'amount'], undefined, ['contacts']))
  expect('values', [got.id, got.properties.key, got.properties.amount], [one.id, 'T-1', '12.50'])
  expect('inline association', got.associations.contacts.results.map((r) => r.id), [world.contact])
  const byKey = await ok('get by key', family, 200, basicApi.getById(gift, 'T-1', ['status'], undefined, undefined, false, 'key'))
  expect('id by key', byKey.id, one.id)
  await ok('update', family, 200, basicApi.update(gift, one.id, { properties: { amount: '' } }))

  const inputs = ['T-2', 'T-3', 'T-4'].map((key) => ({ objectWriteTraceId: key, properties: { key }, associations: [] }))
  const batch = await ok('batch create', family, 201, batchApi.create(gift, { inputs }))
  expect('batch create', keys(batch), ['T-2', 'T-3', 'T-4'])
  expect('echo of the trace ids', batch.results.map((r) => r.objectWriteTraceId).sort(), ['T-2', 'T-3', 'T-4'])
  const partial = await ok('batch create, one refused', family, 207, batchApi.create(gift, {
    inputs: [{ objectWriteTraceId: 'a', properties: { key: 'T-5' }, associations: [] }, { objectWriteTraceId: 'b', properties: { key: 'T-2' }, associations: [] }],
  }))
  expect('refused input', [partial.numErrors, partial.errors[0].category, partial.errors[0].context.objectWriteTraceId], [1, 'VALIDATION_ERROR', ['b']])
  const read = await ok('batch read', family, 200, batchApi.read(gift, { properties: ['key'], propertiesWithHistory: [], idProperty: 'key', ...ids(['T-2', 'T-3']) }))
  expect('batch read', keys(read), ['T-2', 'T-3'])
  const missing = await ok('batch read, some missing', family, 207, batchApi.read(gift, { properties: [], propertiesWithHistory: [], ...ids([one.id, '404', '405']) }))
  expect('missing', [missing.numErrors, missing.errors[0].context.ids], [1, ['404', '405']])
  const updated = await ok('batch update', family, 200, batchApi.update(gift, { inputs: batch.results.map((r) => ({ id: r.id, properties: { status: 'sent' } })) }))
  expect('batch update', updated.results.length, 3)
  await ok('batch update, one refused', family, 207, batchApi.update(gift, { inputs: [
    { id: batch.results[0].id, objectWriteTraceId: 'a', properties: { status: 'sent' } }, { id: batch.results[1].id, objectWriteTraceId: 'b', properties: { status: 'eaten' } },
  ] }))
  const upserted = await ok('batch upsert', family, 200, batchApi.upsert(gift, { inputs: ['T-1', 'T-6'].map((id) => ({ id, idProperty: 'key', properties: { status: 'sent' } })) }))
  expect('batch upsert', upserted.results.map((r) => [r.properties.key ?? 'T-1', r._new]).sort(), [['T-1', false], ['T-6', true]])
  await ok('batch upsert, one refused', family, 207, batchApi.upsert(gift, { inputs: ['sent', 'eaten'].map((status, i) => (
    { id: `T-${i + 1}`, idProperty: 'key', objectWriteTraceId: status, properties: { status } })) }))

  const seen = []
  for (let after; ;) {
    const page = await ok('list', family, 200, basicApi.getPage(gift, 4, after, ['key']))
    seen.push(...page.results)
    after = page.paging?.next?.after
    if (after === undefined) break
  }
  expect('listed', keys({ results: seen }), ['T-1', 'T-2', 'T-3', 'T-4', 'T-5', 'T-6'])
  const found = await ok('search', family, 200, searchApi.doSearch(gift, {
    filterGroups: [{ filters: [{ propertyName: 'key', operator: 'IN', values: ['t-1', 't-6'] }] }], sorts: ['-key'], properties: ['key'], limit: 1, after: '0',
  }))
  expect('found', [found.total, keys(found), found.paging.next.after], [2, ['T-6'], '1'])
  await ok('archive', family, 204, basicApi.archive(gift, seen[5].id))
  const archived = await ok('list archived', family, 200, basicApi.getPage(gift, 10, undefined, ['key'], undefined, undefined, true))
  expect('archived at', archived.results[0].archivedAt instanceof Date, true)
  return seen.slice(0, 5).map((r) => r.id)
}

async function associations(crm, gift, [first, second]) {
  const { basicApi, batchApi, schema } = crm.associations.v4
  const family = 'crm/associations/v4'
  const label = await ok('create label', family + '/schema', 200, schema.definitionsApi.create(gift, 'contacts', { name: 'thanked', label: 'Thanked' }))
  const kinds = await ok('list labels', family + '/schema', 200, schema.definitionsApi.getAll(gift, 'contacts'))
  const plain = kinds.results.find((k) => k.label === null).typeId
  const labelled = label.results[0].typeId
  await ok('associate', family, 200, basicApi.createDefault(gift, second, 'contacts', world.contact))
  await ok('associate with a label', family, 201, basicApi.create(gift, second, 'contacts', world.contact, [spec(labelled)]))
  const page = await ok('list associated', family, 200, basicApi.getPage(gift, second, 'contacts'))
  expect('associated', page.results.map((r) => [String(r.toObjectId), r.associationTypes.some((k) => k.label === 'Thanked')]), [[world.contact, true]])
  const pair = (from, to) => ({ _from: { id: from }, to: { id: to }, types: [spec(plain)] })
  await ok('batch associate', family, 201, batchApi.create(gift, 'contacts', { inputs: [pair(first, world.other)] }))
  const partial = await ok('batch associate, one refused', family, 207, batchApi.create(gift, 'contacts', { inputs: [pair(second, world.other), pair('404', world.other)] }))
  expect('refused pair', [partial.results.length, partial.numErrors], [1, 1])
  await ok('batch associate without types', family, 200, batchApi.createDefault(gift, 'contacts', { inputs: [{ _from: { id: first }, to: { id: world.other } }] }))
  const read = await ok('batch read associations', family, 200, batchApi.getPage(gift, 'contacts', ids([first, second])))
  expect('associations', read.results.map((r) => [r._from.id, r.to.length]).sort(), [[first, 2], [second, 2]])
  await ok('batch dissociate', family, 204, batchApi.archive(gift, 'contacts', { inputs: [{ _from: { id: first }, to: [{ id: world.contact }, { id: world.other }] }] }))
  await ok('dissociate', family, 204, basicApi.archive(gift, second, 'contacts', world.contact))
}

async function people(crm) {
  const contact = await ok('get contact', 'crm/contacts', 200, crm.contacts.basicApi.getById(world.contact, ['email']))
  expect('address', contact.properties.email, 'ada@example.com')
  const create = (email) => ok('create contact', 'crm/contacts', 201, crm.contacts.basicApi.create({ properties: { email }, associations: [] }))
  const [kept, given] = [await create('new@example.com'), await create('newer@example.com')]
  const merged = await ok('merge contacts', 'crm/contacts', 200, crm.contacts.basicApi.merge({ primaryObjectId: kept.id, objectIdToMerge: given.id }))
  expect('merged', merged.properties.hs_merged_object_ids.split(';').sort(), [kept.id, given.id].sort())
  const read = await ok('contacts by address', 'crm/contacts', 207, crm.contacts.batchApi.read({ properties: ['email'], propertiesWithHistory: [], idProperty: 'email', ...ids(['ada@example.com', 'nobody@example.com']) }))
  expect('contacts by address', read.results.map((r) => r.id), [world.contact])
  const found = await ok('search contacts', 'crm/contacts', 200, crm.contacts.searchApi.doSearch({
    filterGroups: [{ filters: [{ propertyName: 'hs_additional_emails', operator: 'CONTAINS_TOKEN', value: 'second@example.com' }] }], properties: ['email'], sorts: [], limit: 10, after: '0',
  }))
  expect('found', found.results.map((r) => r.id), [world.other])
  await ok('list companies', 'crm/companies', 200, crm.companies.basicApi.getPage(10, undefined, ['name']))
  await ok('read deals', 'crm/deals', 200, crm.deals.batchApi.read({ properties: ['hs_is_closed'], propertiesWithHistory: [], ...ids([world.deal]) }))
  const pipelines = await ok('pipelines', 'crm/pipelines', 200, crm.pipelines.pipelinesApi.getAll('deals'))
  await ok('pipeline', 'crm/pipelines', 200, crm.pipelines.pipelinesApi.getById('deals', pipelines.results[0].id))
  const owners = await ok('owners', 'crm/owners', 200, crm.owners.ownersApi.getPage(undefined, undefined, 1))
  expect('owners', [owners.results[0].email, owners.paging.next.after], ['eve@example.com', owners.results[0].id])
}

async function refusals() {
  const { crm } = connect()
  const api = crm.contacts.basicApi
  await refused('no token', 401, 'INVALID_AUTHENTICATION', connect({ accessToken: 'other' }).crm.contacts.basicApi.getPage())
  const e = await refused('no scope', 403, 'MISSING_SCOPES', crm.deals.basicApi.create({ properties: {}, associations: [] }))
  expect('scopes', e.body.errors[0].context.requiredGranularScopes, ['crm.objects.deals.write'])
  await refused('no record', 404, 'OBJECT_NOT_FOUND', api.getById('404'))
  await refused('no such property', 400, 'VALIDATION_ERROR', api.create({ properties: { no_such: 'x' }, associations: [] }))
  await refused('address taken', 409, 'CONFLICT', api.create({ properties: { email: 'ada@example.com' }, associations: [] }))
  await refused('nothing to read', 400, 'VALIDATION_ERROR', crm.contacts.batchApi.read({ properties: [], propertiesWithHistory: [], inputs: [] }))
  await refused('no object type', 400, 'VALIDATION_ERROR', crm.objects.basicApi.getPage('no_such'))
  await refused('no schema', 404, 'OBJECT_NOT_FOUND', crm.schemas.coreApi.getById('2-404'))
}

// retries looks at how long the client waits before it tries again, without
// waiting as long. Timers that are not the client's run as they should.
async function retries() {
  const waits = []
  const later = globalThis.setTimeout
  globalThis.setTimeout = (f, ms, ...args) => {
    if (!new Error().stack.includes('RetryDecorator')) return later(f, ms, ...args)
    waits.push(ms)
    return later(f, 0, ...args)
  }
  console.error = () => {} // the client tells there that it waits
  const { crm } = connect({ numberOfApiCallRetries: 3 })
  const search = { filterGroups: [], properties: [], sorts: [], limit: 1, after: '0' }
  await ok('ten seconds’ limit', 'crm/contacts', 200, crm.contacts.basicApi.getPage())
  expect('waits for the ten seconds’ limit', waits.splice(0), [10_000])
  await ok('second’s limit', 'crm/contacts', 200, crm.contacts.searchApi.doSearch(search))
  expect('waits for the second’s limit', waits.splice(0), [1000, 2000])
  await ok('a gateway’s error', 'crm/companies', 200, crm.companies.basicApi.getPage())
  expect('waits for a gateway', waits.splice(0), [200])
  const e = await refused('day’s limit', 429, undefined, crm.deals.basicApi.getPage())
  expect('day’s limit', [e.body.policyName, e.body.errorType, e.body.message], ['DAILY', 'RATE_LIMIT', 'You have reached your daily limit.'])
  expect('waits for the day’s limit', waits.splice(0), [])
}

async function oauth() {
  const client = connect()
  const { id, secret, redirect } = world.app
  const { tokensApi, accessTokensApi, refreshTokensApi } = client.oauth
  const first = await ok('redeem a code', 'oauth', 200, tokensApi.create('authorization_code', world.codes[0], redirect, id, secret))
  const second = await ok('refresh', 'oauth', 200, tokensApi.create('refresh_token', undefined, undefined, id, secret, first.refreshToken))
  expect('another token', first.accessToken !== second.accessToken, true)
  const info = await ok('access token', 'oauth', 200, accessTokensApi.get(second.accessToken))
  expect('access token', [info.hubId, info.token, info.expiresIn > 0], [world.portal, second.accessToken, true])
  await ok('refresh token', 'oauth', 200, refreshTokensApi.get(second.refreshToken))
  client.setAccessToken(second.accessToken)
  await ok('a call with the token', 'crm/contacts', 200, client.crm.contacts.basicApi.getPage())
  await ok('revoke', 'oauth', 204, refreshTokensApi.archive(second.refreshToken))
  for (const [status, error, call] of [
    ['BAD_REFRESH_TOKEN', 'invalid_grant', () => tokensApi.create('refresh_token', undefined, undefined, id, secret, first.refreshToken)],
    ['BAD_AUTH_CODE', 'invalid_grant', () => tokensApi.create('authorization_code', world.codes[0], redirect, id, secret)],
    ['BAD_CLIENT_SECRET', 'invalid_client', () => tokensApi.create('refresh_token', undefined, undefined, id, 'other', first.refreshToken)],
  ]) {
    const e = await call().catch((e) => e)
    expect(status, [e.constructor.name, e.code, e.body?.status, e.body?.error], ['ApiException', 400, status, error])
  }
}

// dated takes the paths that the client has no methods for, or does not let
// others reach, and still reads the answers with its models.
async function dated() {
  const client = connect()
  const ask = async (what, family, model, status, request) => {
    const answer = await client.apiRequest(request)
    expect(`${what}: status`, answer.status, status)
    const json = await answer.json()
    const read = judge.parse(family, model, json)
    judge.model(what, family, model, read, json)
    return read
  }
  const post = (path, body) => ({ method: 'POST', path, body })
  for (const version of ['2026-03', '2026-09']) {
    const name = 'gift' + version.slice(5)
    const schema = await ask('create schema', 'crm/schemas', 'ObjectSchema', 201, post(`/crm-object-schemas/${version}/schemas`, {
      name, labels: { singular: name, plural: name }, primaryDisplayProperty: 'key', requiredProperties: ['key'], searchableProperties: ['key'],
      secondaryDisplayProperties: [], allowsSensitiveProperties: false, associatedObjects: ['CONTACT'], properties: [{ name: 'key', label: 'Key', type: 'string', fieldType: 'text', hasUniqueValue: true }],
    }))
    const gift = schema.objectTypeId
    const named = await ask('read schemas', 'crm/schemas', 'CollectionResponseObjectSchemaNoPaging', 200, post(`/crm-object-schemas/${version}/schemas/batch/read`, {
      inputs: [gift], includePropertyDefinitions: true, includeAssociationDefinitions: true, includeAuditMetadata: false,
    }))
    expect('read schemas', named.results.map((s) => s.objectTypeId), [gift])
    const objects = `/crm/objects/${version}/${gift}`
    const inputs = ['T-1', 'T-2'].map((key) => ({ objectWriteTraceId: key, properties: { key } }))
    const made = await ask('batch create', 'crm/objects', 'BatchResponseSimplePublicObject', 201, post(`${objects}/batch/create`, { inputs }))
    const mixed = await ask('batch create, one refused', 'crm/objects', 'BatchResponseSimplePublicObjectWithErrors', 207, post(`${objects}/batch/create`, {
      inputs: [inputs[0], { objectWriteTraceId: 'T-3', properties: { key: 'T-3' } }],
    }))
    expect('refused input', [mixed.numErrors, mixed.errors[0].context.objectWriteTraceId], [1, ['T-1']])
    await ask('batch read', 'crm/objects', 'BatchResponseSimplePublicObject', 200, post(`${objects}/batch/read`, { idProperty: 'key', properties: ['key'], ...ids(['T-1']) }))
    const page = await ask('list', 'crm/objects', 'CollectionResponseSimplePublicObjectWithAssociationsForwardPaging', 200, { path: objects, qs: { limit: 1, properties: 'key' } })
    expect('listed', page.results.map((r) => r.properties.key), ['T-1'])
    const links = `/crm/associations/${version}/${gift}/contacts`
    const kinds = await ask('labels', 'crm/associations/v4/schema', 'CollectionResponseAssociationSpecWithLabelNoPaging', 200, { path: `${links}/labels` })
    await ask('batch associate', 'crm/associations/v4', 'BatchResponseLabelsBetweenObjectPair', 201, post(`${links}/batch/create`, {
      inputs: [{ from: { id: made.results[0].id }, to: { id: world.contact }, types: [spec(kinds.results[0].typeId)] }],
    }))
    await ask('batch read associations', 'crm/associations/v4', 'BatchResponsePublicAssociationMultiWithLabel', 200, post(`${links}/batch/read`, ids([made.results[0].id])))
    await ask('search', 'crm/objects', 'CollectionResponseWithTotalSimplePublicObjectForwardPaging', 200, post('/crm/objects/' + version + '/contacts/search', { filterGroups: [], limit: 1 }))
    await ask('owners', 'crm/owners', 'CollectionResponsePublicOwnerForwardPaging', 200, { path: `/crm/owners/${version}` })
    await ask('pipelines', 'crm/pipelines', 'CollectionResponsePipelineNoPaging', 200, { path: `/crm/pipelines/${version}/deals` })
    const account = await (await client.apiRequest({ path: `/account-info/${version}/details` })).json()
    expect('portal', account.portalId, world.portal)
    const gone = await client.apiRequest({ path: `${objects}/404` })
    expect('no record', [gone.status, (await gone.json()).category], [404, 'OBJECT_NOT_FOUND'])
  }
  const { id, secret, redirect } = world.app
  const stranger = new Client({ basePath: world.url }) // a form says who asks
  const form = (path, fields) => stranger.apiRequest({
    method: 'POST', path, defaultJson: false, headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ client_id: id, client_secret: secret, ...fields }),
  }).then((answer) => answer.json())
  const tokens = await form('/oauth/2026-09/token', { grant_type: 'authorization_code', code: world.codes[1], redirect_uri: redirect })
  expect('redeem a code', [tokens.token_use, tokens.hub_id], ['access_token', world.portal])
  const info = await form('/oauth/2026-09/token/introspect', { token: tokens.access_token })
  expect('introspect', [info.active, info.hub_id, info.scopes], [true, world.portal, tokens.scopes])
}

for (const name of world.scenarios) {
  await scenarios[name]().catch((e) => judge.problems.push(`${name} ended early: ${e.stack.slice(0, 1000)}`))
}
process.stdout.write(JSON.stringify({ calls, problems: judge.problems, used: [...judge.used] }) + '\n')
