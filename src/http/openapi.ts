/** The description of every route, made of the routes as registered and the schemas that check their bodies. */
import { z } from 'zod'
import { docOf } from './route-docs.ts'
import type { Route } from './route-list.ts'

export interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly tags: readonly string[]
  readonly parameters: readonly object[]
  readonly requestBody?: object
  readonly responses: object
}

export interface OpenApi {
  readonly openapi: string
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: object
  readonly security: readonly object[]
}

/** Methods that the format has a place for; `all` routes bring others along. */
const METHODS = new Set('GET PUT POST DELETE OPTIONS HEAD PATCH TRACE'.split(' '))
const ERROR = { $ref: '#/components/schemas/Error' }
const RESPONSES = {
  '2XX': { description: 'Done' },
  default: { description: 'Why not', content: { 'application/json': { schema: ERROR } } },
}

export function describeRoutes(routes: readonly Route[], version: string): OpenApi {
  const paths: Record<string, Record<string, Operation>> = {}
  for (const { method, url } of routes) {
    if (!METHODS.has(method)) continue
    const path = pathOf(url)
    paths[path] = { ...paths[path], [method.toLowerCase()]: operationOf(method, url) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Xorbit', version, description: 'A Hub and Xet store for models, compatible with Hugging Face.' },
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: {
        Error: {
          type: 'object',
          required: ['error'],
          properties: { error: { type: 'string' }, code: { type: 'string' } },
        },
      },
    },
    security: [{ token: [] }, {}],
  }
}

function operationOf(method: string, url: string): Operation {
  const { summary, body, bodyType } = docOf(method, url)
  const names = [...pathOf(url).matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
  const parameters = names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } }))
  return {
    operationId: `${method.toLowerCase()} ${pathOf(url)}`.replace(/\W+/g, '_').replace(/_$/, ''),
    summary,
    tags: [tagOf(url)],
    parameters,
    ...(body === undefined ? {} : { requestBody: bodyOf('application/json', jsonSchema(body)) }),
    ...(bodyType === undefined ? {} : { requestBody: bodyOf(bodyType, {}) }),
    responses: RESPONSES,
  }
}

function jsonSchema(body: z.ZodType): object {
  // The document says once which dialect it uses.
  const { $schema: _dialect, ...schema } = z.toJSONSchema(body, { io: 'input', unrepresentable: 'any' })
  return schema
}

function bodyOf(type: string, schema: object): object {
  return { required: true, content: { [type]: { schema } } }
}

/** `:ns` is `{ns}`; what may have slashes is `{rest}`. */
function pathOf(url: string): string {
  return url.replace(/:(\w+)/g, '{$1}').replace(/\*/g, '{rest}')
}

function tagOf(url: string): string {
  if (url.includes('/info/lfs/')) return 'Git LFS'
  if (url.startsWith('/cas/')) return 'Xet'
  if (url.startsWith('/-/')) return 'Administration'
  if (/^\/(oai\/)?v1\/(chat|models)/.test(url)) return 'Models'
  return url.startsWith('/api/') || url.endsWith('/*') ? 'Hub' : 'System'
}
