/**
 * Every route of the listener and whom it answers how, as data. A new route needs a row here; one that answers who shows
 * no token needs a line in ANONYMOUS too. `API` stands for `/api/{models,datasets,spaces}/:ns/:name`, `WEB` for `/:ns/:name`
 * and the same below `/datasets` and `/spaces`; `*` as method for whatever methods the route has.
 *
 * Statuses are those of: no token · the owner's with scope read · another user's with scope write (and, for repositories,
 * the owner's for another repository) · the owner's with scope write · who runs the server (where it differs).
 */
export type Statuses = readonly [none: number, read: number, foreign: number, owner: number, admin?: number]

export interface RouteRow {
  readonly route: string
  /** What stands for the `*` and the other parameters. */
  readonly rest?: string
  readonly params?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly type?: string
  /** Of a private and of a public repository of the owner; or of a route that is of no repository. */
  readonly closed?: Statuses
  readonly open?: Statuses
  readonly all?: Statuses
  /** Of the owner's token for another repository, where the public one answers it otherwise than another user's. */
  readonly limited?: number
}

const READ = { closed: [401, 200, 404, 200], open: [200, 200, 200, 200] } as const
const WRITE = { closed: [401, 403, 404, 200], open: [401, 403, 403, 200] } as const
/** Who administers the organisation or owns the namespace. */
const OWN = WRITE
/** Whoever may read the files and is signed in. */
const PROPOSE = { closed: [401, 200, 404, 200], open: [401, 200, 200, 200] } as const
const UNGATED = { closed: [401, 403, 404, 400], open: [401, 403, 403, 400] } as const
const NOWHERE = { closed: [404, 404, 404, 404], open: [404, 404, 404, 404] } as const
const ADMIN: Statuses = [401, 403, 403, 403, 200]
const NO_MODEL: Statuses = [401, 403, 403, 403, 404]
const ANYBODY: Statuses = [200, 200, 200, 200]
/** In the CAS the tokens are those that xet-read-token and xet-write-token gave: a foreign one is of another address. */
const CAS_READ: Statuses = [401, 200, 401, 200]
const CAS_MISSING: Statuses = [401, 404, 401, 404]

const HEADER = { key: 'header', value: { summary: 'x', description: '' } }
const FILE = { key: 'file', value: { path: 'b.txt', content: 'YQ==', encoding: 'base64' } }
const COMMIT = [HEADER, FILE].map((line) => JSON.stringify(line)).join('\n')
const CHAT = { model: 'none', messages: [{ role: 'user', content: 'x' }] }
const NDJSON = 'application/x-ndjson'
const OID = 'e'.repeat(64)

export const ROUTE_TABLE: readonly RouteRow[] = [
  { route: 'GET /', all: ANYBODY },
  { route: 'HEAD /', all: ANYBODY },
  { route: 'GET /health', all: ANYBODY },
  { route: 'GET /livez', all: ANYBODY },
  { route: 'GET /readyz', all: ANYBODY },
  { route: 'GET /openapi.json', all: ANYBODY },
  { route: 'GET /docs', all: ANYBODY },
  { route: 'GET /metrics', all: ADMIN },
  { route: 'POST /v1/telemetry', all: [204, 204, 204, 204] },
  // On a server with several users only for tokens of scope inference. No model is loaded here.
  { route: 'GET /v1/models', all: ADMIN },
  { route: 'GET /v1/models/*', rest: 'none', all: NO_MODEL },
  { route: 'POST /v1/chat/completions', body: CHAT, all: NO_MODEL },
  { route: 'GET /oai/v1/models', all: ADMIN },
  { route: 'GET /oai/v1/models/*', rest: 'none', all: NO_MODEL },
  { route: 'POST /oai/v1/chat/completions', body: CHAT, all: NO_MODEL },
  { route: 'GET /api/whoami-v2', all: [401, 200, 200, 200] },
  { route: 'GET /api/agent-harnesses', all: ANYBODY },
  { route: 'POST /api/validate-yaml', body: { content: '---\na: 1\n---\n' }, all: ANYBODY },
  { route: 'GET /api/models', all: ANYBODY },
  { route: 'GET /api/datasets', all: ANYBODY },
  { route: 'GET /api/spaces', all: ANYBODY },
  { route: 'POST /api/repos/create', body: { name: 'alice/made' }, all: [401, 403, 403, 200] },
  {
    ...{ route: 'POST /api/repos/move', body: { fromRepo: 'alice/made', toRepo: 'alice/moved' } },
    all: [401, 403, 403, 200],
  },
  { route: 'DELETE /api/repos/delete', body: { name: 'alice/moved' }, all: [401, 403, 403, 200] },

  { route: 'GET /api/settings/repositories', all: [401, 200, 200, 200] },
  {
    ...{ route: 'GET /api/organizations/:ns/settings/repositories', params: { ns: 'alice' } },
    all: [401, 403, 403, 200],
  },
  { route: 'GET /api/users/:name/overview', params: { name: 'alice' }, all: ANYBODY },
  { route: 'GET /api/users/:name/followers', params: { name: 'alice' }, all: ANYBODY },
  { route: 'GET /api/users/:name/following', params: { name: 'alice' }, all: ANYBODY },
  { route: 'GET /api/users/:name/likes', params: { name: 'alice' }, all: ANYBODY },

  { route: 'GET API', ...READ },
  { route: 'GET API/revision/*', rest: 'main', ...READ },
  { route: 'GET API/tree/*', rest: 'main', ...READ },
  { route: 'POST API/paths-info/*', rest: 'main', body: { paths: ['a.txt'] }, ...READ },
  { route: 'GET API/refs', ...READ },
  { route: 'GET API/commits/*', rest: 'main', ...READ },
  { route: 'GET API/xet-read-token/*', rest: 'main', ...READ },
  { route: 'GET API/xet-write-token/*', rest: 'main', ...WRITE },
  { route: 'POST API/preupload/*', rest: 'main', body: { files: [{ path: 'b', size: 1, sample: '' }] }, ...WRITE },
  { route: 'POST API/commit/*', rest: 'main', body: COMMIT, type: NDJSON, ...WRITE },
  { route: 'GET API/auth-check', ...READ },
  { route: 'GET API/auth-check/write', ...WRITE },
  { route: 'GET API/compare/*', rest: 'main..main', ...READ },
  { route: 'GET API/lfs-files', ...READ },
  {
    route: 'POST API/lfs-files/batch',
    body: { deletions: { sha: [] } },
    ...WRITE,
  },
  { route: 'GET API/discussions', ...READ },
  { route: 'POST API/discussions', body: { title: 'x' }, ...PROPOSE, limited: 403 },
  { route: 'GET API/discussions/:num', params: { num: '1' }, ...READ },
  {
    route: 'POST API/discussions/:num/comment',
    params: { num: '1' },
    body: { comment: 'x' },
    ...PROPOSE,
    limited: 403,
  },
  {
    ...{
      route: 'POST API/discussions/:num/comment/:event/edit',
      params: { num: '1', event: 'x' },
      body: { content: 'x' },
    },
    ...{ closed: [401, 404, 404, 404], open: [401, 404, 404, 404], limited: 403 },
  },
  {
    ...{ route: 'POST API/discussions/:num/comment/:event/hide', params: { num: '1', event: 'x' }, body: {} },
    ...{ closed: [401, 404, 404, 404], open: [401, 404, 404, 404], limited: 403 },
  },
  // Who began it, with whatever token, and who may write.
  {
    ...{ route: 'POST API/discussions/:num/title', params: { num: '1' }, body: { title: 'y' } },
    ...{ closed: [401, 200, 404, 200], open: [401, 200, 403, 200] },
  },
  {
    ...{ route: 'POST API/discussions/:num/merge', params: { num: '1' }, body: {} },
    ...{ closed: [401, 403, 404, 400], open: [401, 403, 403, 400] },
  },
  {
    ...{ route: 'POST API/discussions/:num/status', params: { num: '1' }, body: { status: 'draft' } },
    ...{ closed: [401, 200, 404, 200], open: [401, 200, 403, 200] },
  },
  { route: 'POST API/ask-access', body: {}, ...PROPOSE },
  { route: 'POST WEB/ask-access', body: {}, ...PROPOSE },
  // It is not gated: 400 for who may decide.
  { route: 'GET API/user-access-request/pending', ...UNGATED },
  { route: 'GET API/user-access-request/accepted', ...UNGATED },
  { route: 'GET API/user-access-request/rejected', ...UNGATED },
  { route: 'POST API/user-access-request/grant', body: { user: 'bob' }, ...UNGATED },
  { route: 'POST API/user-access-request/handle', body: { user: 'bob', status: 'accepted' }, ...UNGATED },
  {
    ...{ route: 'GET API/safetensors-metadata/*', rest: 'none.json' },
    ...{ closed: [401, 404, 404, 404], open: [404, 404, 404, 404] },
  },
  {
    ...{ route: 'POST API/lfs-files/duplicate', body: { target: { type: 'model', name: 'alice/other' }, files: [] } },
    ...{ closed: [401, 403, 404, 200], open: [401, 403, 404, 200], limited: 200 },
  },
  { route: 'POST API/duplicate', body: { repository: 'alice/NAME-copy' }, ...WRITE },
  { route: 'POST API/super-squash/*', rest: 'main', body: {}, ...WRITE },
  { route: 'GET /api/spaces/:ns/:name/runtime', ...READ },
  { route: 'PUT API/settings', body: { gated: false }, ...OWN },
  { route: 'POST API/branch/*', rest: 'side', body: {}, ...WRITE },
  { route: 'DELETE API/branch/*', rest: 'side', ...WRITE },
  { route: 'POST API/tag/*', rest: 'main', body: { tag: 'v1' }, ...WRITE },
  { route: 'DELETE API/tag/*', rest: 'v1', ...WRITE },
  { route: 'GET API/resolve/*', rest: 'main/a.txt', ...READ },
  { route: 'HEAD API/resolve/*', rest: 'main/a.txt', ...READ },
  { route: 'GET WEB/resolve/*', rest: 'main/a.txt', ...READ },
  { route: 'HEAD WEB/resolve/*', rest: 'main/a.txt', ...READ },
  { route: 'GET WEB/raw/*', rest: 'main/a.txt', ...READ },
  { route: 'HEAD WEB/raw/*', rest: 'main/a.txt', ...READ },

  { route: 'POST WEB/info/lfs/objects/batch', body: { operation: 'download', objects: [] }, ...READ },
  // Whoever may read may send what a pull request is to be made of; to a branch only who may write.
  {
    ...{ route: 'POST WEB/info/lfs/objects/batch', body: { operation: 'upload', objects: [] } },
    ...{ ...PROPOSE, limited: 403 },
  },
  {
    ...{ route: 'POST WEB/info/lfs/objects/batch', ...WRITE },
    body: { operation: 'upload', objects: [], ref: { name: 'main' } },
  },
  // The signature of the address is the right, and here is none.
  {
    ...{ route: 'PUT WEB/info/lfs/objects/:oid', params: { oid: OID }, body: 'x' },
    ...{ closed: [403, 403, 403, 403], open: [403, 403, 403, 403] },
  },
  {
    ...{ route: 'PUT WEB/info/lfs/objects/:oid/part-:part', params: { oid: OID, part: '1' }, body: 'x' },
    ...{ closed: [403, 403, 403, 403], open: [403, 403, 403, 403] },
  },
  {
    ...{ route: 'POST WEB/info/lfs/objects/:oid/complete', params: { oid: OID }, body: {} },
    ...{ closed: [403, 403, 403, 403], open: [403, 403, 403, 403] },
  },
  {
    ...{ route: 'POST WEB/info/lfs/objects/:oid/verify', params: { oid: OID }, body: { oid: OID, size: 1 } },
    ...{ closed: [401, 404, 404, 404], open: [401, 404, 404, 404], limited: 403 },
  },
  {
    ...{ route: 'GET WEB/info/lfs/objects/:oid', params: { oid: OID } },
    ...{ closed: [401, 404, 404, 404], open: [404, 404, 404, 404] },
  },
  {
    ...{ route: 'HEAD WEB/info/lfs/objects/:oid', params: { oid: OID } },
    ...{ closed: [401, 404, 404, 404], open: [404, 404, 404, 404] },
  },
  { route: '* WEB/info/lfs/locks', ...NOWHERE },
  { route: '* WEB/info/lfs/locks/*', rest: 'verify', ...NOWHERE },

  { route: 'POST CAS/v1/xorbs/default/:hash', params: { hash: 'XORB' }, body: 'x', all: [401, 403, 401, 400] },
  { route: 'HEAD CAS/v1/xorbs/default/:hash', params: { hash: 'XORB' }, all: CAS_READ },
  // The signature of the address is the right, and here is none.
  { route: 'GET CAS/v1/xorbs/default/:hash', params: { hash: 'XORB' }, all: [403, 403, 403, 403] },
  { route: 'POST CAS/v1/xorb-grants/default/:hash', params: { hash: 'XORB' }, all: [401, 403, 401, 200] },
  {
    ...{ route: 'POST CAS/v1/xorb-commits/default/:hash/grant/:id', params: { hash: 'XORB', id: 'x' } },
    all: [401, 403, 401, 404],
  },
  { route: 'POST CAS/v1/shards', body: 'x', all: [401, 403, 401, 400] },
  { route: 'POST CAS/v2/shards', body: 'x', all: [401, 403, 401, 400] },
  { route: 'GET CAS/v1/reconstructions/:hash', params: { hash: 'FILE' }, all: CAS_READ },
  { route: 'GET CAS/v2/reconstructions/:hash', params: { hash: 'FILE' }, all: CAS_READ },
  { route: 'GET CAS/v1/chunks/default/:hash', params: { hash: OID }, all: CAS_MISSING },
  { route: 'GET CAS/v1/chunks/default-merkledb/:hash', params: { hash: OID }, all: CAS_MISSING },
  { route: 'GET CAS/x/chunk-lists/:hash', params: { hash: 'FILE' }, all: CAS_READ },
  { route: 'GET CAS/v2/file-chunk-hashes/:hash', params: { hash: 'FILE' }, all: CAS_MISSING },

  { route: 'POST /-/v1/users', body: { user: 'made' }, all: ADMIN },
  { route: 'GET /-/v1/users', all: ADMIN },
  { route: 'POST /-/v1/orgs', body: { org: 'team' }, all: ADMIN },
  { route: 'GET /-/v1/orgs', all: ADMIN },
  { route: 'POST /-/v1/orgs/:org/members', params: { org: 'team' }, body: { user: 'made' }, all: ADMIN },
  { route: 'DELETE /-/v1/orgs/:org/members/:user', params: { org: 'team', user: 'made' }, all: ADMIN },
  { route: 'DELETE /-/v1/orgs/:org', params: { org: 'team' }, all: ADMIN },
  { route: 'POST /-/v1/tokens', body: { user: 'made', name: 'second' }, all: ADMIN },
  { route: 'GET /-/v1/tokens', all: ADMIN },
  { route: 'DELETE /-/v1/tokens/:id', params: { id: 'nothing' }, all: [401, 403, 403, 403, 404] },
  { route: 'DELETE /-/v1/users/:user', params: { user: 'made' }, all: ADMIN },
  { route: 'GET /-/v1/audit', all: ADMIN },
  { route: 'POST /-/v1/care/gc', body: { dryRun: true }, all: ADMIN },
  { route: 'POST /-/v1/care/scrub', body: {}, all: ADMIN },
  { route: 'POST /-/v1/care/backup', body: { folder: 7 }, all: [401, 403, 403, 403, 400] },
  { route: 'POST /-/v1/care/repair', body: { endpoint: 7 }, all: [401, 403, 403, 403, 400] },
  { route: 'POST /-/v1/care/doctor', all: ADMIN },
]

/** The only routes, besides those that read public repositories, that answer without a token. */
export const ANONYMOUS: readonly string[] = [
  'GET /',
  'HEAD /',
  'GET /health',
  'GET /livez',
  'GET /readyz',
  'GET /openapi.json',
  'GET /docs',
  'POST /v1/telemetry',
  'GET /api/agent-harnesses',
  'POST /api/validate-yaml',
  // Public repositories only.
  'GET /api/models',
  'GET /api/datasets',
  'GET /api/spaces',
  'GET /api/users/:name/overview',
  'GET /api/users/:name/followers',
  'GET /api/users/:name/following',
  'GET /api/users/:name/likes',
]
