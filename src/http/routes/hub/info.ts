/** What a repository is: its files, its card, its newest commit. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { mayReadFiles } from '../../../hub/access.ts'
import type { RepoFacts } from '../../../hub/repo-facts.ts'
import { formatRepoId, type RepoType } from '../../../hub/repo-id.ts'
import type { RepoEntry } from '../../../hub/repo-listing.ts'
import type { Snapshot } from '../../../hub/repo-reader.ts'
import type { RepoRecord } from '../../../hub/repo-table.ts'
import { callerOf, type HubService } from './hub-service.ts'
import { isTrue, REPO_ROUTES, repoIdOf, revisionPathOf, valuesOf } from './repo-path.ts'
import { lfsJson } from './tree-json.ts'

interface InfoQuery {
  readonly blobs?: string
  readonly securityStatus?: string
}

export function infoRoutes(app: FastifyInstance, hub: HubService): void {
  const answer = async (request: FastifyRequest, type: RepoType, revision: string) => {
    const caller = await callerOf(hub, request)
    const snapshot = await hub.reader.at(caller, repoIdOf(request, type), revision)
    const { blobs } = request.query as InfoQuery
    const facts = await hub.facts.of(snapshot)
    const expand = valuesOf(request.query, 'expand')
    const headers = mayReadFiles(hub.accounts, caller, snapshot.repo) ? await hub.headers.of(snapshot, expand) : {}
    return infoOf(snapshot, { facts, headers, blobs: isTrue(blobs), expand })
  }
  for (const { type, api } of REPO_ROUTES) {
    const route = `${api}/revision`
    app.get(api, (request) => answer(request, type, 'main'))
    app.get(`${route}/*`, (request) => answer(request, type, revisionPathOf(request, route).revision))
  }
}

interface InfoParts {
  readonly facts: RepoFacts
  /** What the files' headers say: `safetensors`, `gguf`. */
  readonly headers: Readonly<Record<string, unknown>>
  readonly blobs: boolean
  readonly expand: readonly string[]
}

/** With `expand` only the keys asked for, besides the ids. */
async function infoOf(snapshot: Snapshot, { facts, headers, blobs, expand }: InfoParts) {
  const { entries } = await snapshot.list()
  const files = entries.filter((entry) => entry.type === 'file')
  const full: Readonly<Record<string, unknown>> = {
    ...summaryOf(snapshot.repo, facts),
    sha: snapshot.commit,
    usedStorage: facts.bytes,
    ...headers,
    siblings: files.map((file) => siblingOf(file, blobs)),
    spaces: [],
  }
  return expand.length === 0 ? full : chosenOf(full, expand)
}

/** The keys asked for, besides the ids; of keys that only some clients know, what there is. */
export function chosenOf(full: Readonly<Record<string, unknown>>, expand: readonly string[]) {
  const all: Readonly<Record<string, unknown>> = { ...UNCOUNTED, ...full }
  const wanted = new Set(['_id', 'id', ...expand])
  return Object.fromEntries(Object.entries(all).filter(([key]) => wanted.has(key)))
}

/** Keys of the Hub that nothing is counted for here. */
const UNCOUNTED = {
  ...{
    downloadsAllTime: 0,
    trendingScore: 0,
    inferenceProviderMapping: [],
    childrenModelCount: 0,
    resourceGroup: null,
  },
}

/** What listings show of a repository. */
export function summaryOf(repo: RepoRecord, facts: RepoFacts | null): Record<string, unknown> {
  const id = formatRepoId(repo)
  return {
    _id: repo.id,
    id,
    ...(repo.type === 'model' ? { modelId: id } : {}),
    author: repo.namespace,
    createdAt: new Date(repo.createdMs).toISOString(),
    lastModified: new Date(facts?.modifiedMs ?? repo.createdMs).toISOString(),
    private: repo.private,
    gated: repo.gated ?? false,
    disabled: false,
    downloads: 0,
    likes: 0,
    tags: facts?.tags ?? [],
    ...facts?.summary,
    ...(repo.type === 'space' ? spaceFacts(repo) : {}),
  }
}

/** Spaces are kept here, not run. */
export function spaceFacts({ settings, namespace, name }: RepoRecord): Record<string, unknown> {
  const hardware = { current: null, requested: null }
  const runtime = { stage: 'NO_APP_FILE', hardware, storage: null, gcTimeout: null }
  const subdomain = `${namespace}-${name}`.toLowerCase().replace(/[^a-z0-9]+/g, '-')
  return { sdk: settings.sdk ?? 'static', subdomain, runtime, models: [], datasets: [] }
}

function siblingOf(entry: RepoEntry & { type: 'file' }, blobs: boolean) {
  if (!blobs) return { rfilename: entry.path }
  const { lfs } = entry
  return {
    rfilename: entry.path,
    size: entry.size,
    blobId: entry.oid,
    ...(lfs === null ? {} : { lfs: lfsJson(entry, 'sha256') }),
  }
}
