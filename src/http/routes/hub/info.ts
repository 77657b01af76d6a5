/** What a repository is: its files, its card, its newest commit. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Card, parseCard, tagsOf } from '../../../hub/model-card.ts'
import { formatRepoId, type RepoType } from '../../../hub/repo-id.ts'
import type { RepoEntry } from '../../../hub/repo-listing.ts'
import type { Snapshot } from '../../../hub/repo-reader.ts'
import type { RepoRecord } from '../../../hub/repo-table.ts'
import { callerOf, type HubService } from './hub-service.ts'
import { isTrue, REPO_ROUTES, repoIdOf, revisionPathOf, valuesOf } from './repo-path.ts'
import { lfsJson } from './tree-json.ts'

const CARD_BYTES_MAX = 512 * 1024

export function infoRoutes(app: FastifyInstance, hub: HubService): void {
  const answer = async (request: FastifyRequest, type: RepoType, revision: string) => {
    const caller = await callerOf(hub, request)
    const snapshot = await hub.reader.at(caller, repoIdOf(request, type), revision)
    const { blobs } = request.query as { blobs?: string }
    return infoOf(snapshot, { blobs: isTrue(blobs), expand: valuesOf(request.query, 'expand') })
  }
  for (const { type, api } of REPO_ROUTES) {
    const route = `${api}/revision`
    app.get(api, (request) => answer(request, type, 'main'))
    app.get(`${route}/*`, (request) => answer(request, type, revisionPathOf(request, route).revision))
  }
}

/** With `expand` only the keys asked for, besides the ids. */
async function infoOf(snapshot: Snapshot, { blobs, expand }: { blobs: boolean; expand: readonly string[] }) {
  const { entries } = await snapshot.list()
  const card = parseCard((await snapshot.findText('README.md', CARD_BYTES_MAX)) ?? '')
  const { seconds } = await snapshot.commitInfo()
  const files = entries.filter((entry) => entry.type === 'file')
  const siblings = files.map((file) => siblingOf(file, blobs))
  const full: Readonly<Record<string, unknown>> = {
    ...summaryOf(snapshot.repo, card),
    sha: snapshot.commit,
    lastModified: new Date(seconds * 1000).toISOString(),
    usedStorage: files.reduce((sum, { size }) => sum + size, 0),
    siblings,
    spaces: [],
  }
  if (expand.length === 0) return full
  const wanted = new Set(['_id', 'id', ...expand])
  return Object.fromEntries(Object.entries(full).filter(([key]) => wanted.has(key)))
}

/** What listings show of a repository. */
export function summaryOf(repo: RepoRecord, card: Card | null): Record<string, unknown> {
  const id = formatRepoId(repo)
  const known = card === null ? {} : cardFacts(card)
  return {
    _id: repo.id,
    id,
    ...(repo.type === 'model' ? { modelId: id } : {}),
    author: repo.namespace,
    createdAt: new Date(repo.createdMs).toISOString(),
    private: repo.private,
    gated: false,
    disabled: false,
    downloads: 0,
    likes: 0,
    tags: [],
    ...known,
    ...(repo.type === 'space' ? spaceFacts(repo) : {}),
  }
}

function cardFacts(card: Card): Record<string, unknown> {
  const { library_name, pipeline_tag } = card
  return {
    tags: tagsOf(card),
    ...(typeof library_name === 'string' ? { library_name } : {}),
    ...(typeof pipeline_tag === 'string' ? { pipeline_tag } : {}),
    ...(Object.keys(card).length > 0 ? { cardData: card } : {}),
  }
}

function spaceFacts({ settings }: RepoRecord): Record<string, unknown> {
  const hardware = { current: null, requested: null }
  return { sdk: settings.sdk ?? 'static', runtime: { stage: 'NO_APP_FILE', hardware, storage: null, gcTimeout: null } }
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
