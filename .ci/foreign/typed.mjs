// What the client's own models say of an answer, against what arrived. The
// client casts and drops without a word: a number stays one where a string is
// declared, a missing field is undefined, an unknown one is gone. So every
// answer is compared with the models, field by field, here.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'

const require = createRequire(import.meta.url)
const codegen = '@hubspot/api-client/lib/codegen/'

const declared = new Map()

// declarationOf reads a model's type declarations: which fields must be there.
function declarationOf(family, model) {
  const key = family + '/' + model
  if (!declared.has(key)) {
    const text = readFileSync(require.resolve(codegen + family + '/models/' + model + '.js').replace(/\.js$/, '.d.ts'), 'utf8')
    declared.set(key, new Map([...text.matchAll(/^ {4}'(\w+)'(\??): /gm)].map(([, name, optional]) => [name, optional === ''])))
  }
  return declared.get(key)
}

// A Judge collects what is wrong with answers. A family is a folder of models,
// such as 'crm/objects'. allowed holds 'Model.field: what is wrong' with the
// reason why it may be.
export class Judge {
  problems = []
  used = new Set()

  constructor(allowed) {
    this.allowed = allowed
  }

  // parse turns an answer of a path that the client does not know into one of
  // its models.
  parse(family, model, json) {
    return require(codegen + family + '/models/ObjectSerializer.js').ObjectSerializer.deserialize(json, model, '')
  }

  // model compares a value of a model with the JSON that it was made of.
  model(where, family, model, value, raw) {
    const problem = (field, what) => {
      const key = `${model}.${field}: ${what}`
      if (key in this.allowed) this.used.add(key)
      else this.problems.push(`${where}: ${key}`)
    }
    const required = declarationOf(family, model)
    const attributes = require(codegen + family + '/models/' + model + '.js')[model].getAttributeTypeMap()
    for (const { name, baseName, type } of attributes) {
      if (value[name] === undefined || (value[name] === null && !required.get(name))) {
        if (required.get(name)) problem(baseName, 'missing')
      } else {
        this.value(where, family, type, value[name], raw[baseName], model, (what) => problem(baseName, what))
      }
    }
    const known = new Set(attributes.map((a) => a.baseName))
    for (const field of Object.keys(raw)) {
      if (!known.has(field)) problem(field, 'unknown')
    }
  }

  // value compares a value of any declared type. owner is the model whose
  // field it is in.
  value(where, family, type, value, raw, owner, problem) {
    if (type.endsWith(' | null')) {
      if (value === null) return
      type = type.slice(0, -' | null'.length)
    }
    const array = /^Array<(.*)>$/.exec(type)
    const map = /^\{ \[key: string\]: (.*); \}$/.exec(type)
    if (array) {
      if (!Array.isArray(value)) return problem('no list')
      value.forEach((v, i) => this.value(where, family, array[1], v, raw[i], owner, problem))
    } else if (map) {
      if (Object.getPrototypeOf(value) !== Object.prototype) return problem('no map')
      for (const key of Object.keys(value)) this.value(where, family, map[1], value[key], raw[key], owner, problem)
    } else if (type === 'Date') {
      if (!(value instanceof Date) || Number.isNaN(value.getTime()) || value.toISOString() !== raw) problem('no instant')
    } else if (['string', 'number', 'boolean'].includes(type)) {
      if (typeof value !== type) problem(`${typeof value}, not ${type}`)
    } else if (type.endsWith('Enum')) {
      const values = require(codegen + family + '/models/' + owner + '.js')[type]
      if (!Object.values(values).includes(value)) problem(`${value} is no ${type}`)
    } else if (type !== 'any') {
      if (value?.constructor?.name !== type) return problem(`no ${type}`)
      this.model(where, family, type, value, raw)
    }
  }
}
