/** The repositories that the caller may see, newest first or as asked, filtered, page by page. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AppError } from '../../../base/app-error.ts'
import { cancelled } from '../../../base/retry.ts'
import { Pacer } from '../../../cas/pacer.ts'
import { visibilityFor } from '../../../hub/access.ts'
import type { Caller } from '../../../hub/caller.ts'
import type { ListedRepo, RepoQuery } from '../../../hub/repo-facts.ts'
import { REPO_TYPES, type RepoType } from '../../../hub/repo-id.ts'
import { originOf } from '../../origin.ts'
import { callerOf, type HubService } from './hub-service.ts'
import { chosenOf, summaryOf } from './info.ts'
import { isTrue, limitOf, valuesOf } from './repo-path.ts'

const PAGE_MAX = 1000
/** Listings with files read each repository. */
const PAGE_FULL_MAX = 100
const READ_TOGETHER = 4
/** Repositories that one query of the database gives. */
const TOGETHER = 200
const FILTERS_MAX = 20
const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1e3, M: 1e6, B: 1e9, T: 1e12 }

type Query = Readonly<Record<string, string | string[] | undefined>>

export function listingRoutes(app: FastifyInstance, hub: HubService): void {
  for (const type of REPO_TYPES) {
    app.get<{ Querystring: Query }>(`/api/${type}s`, async (request, reply) => {
      const caller = await callerOf(hub, request)
      const { query } = request
      const expand = valuesOf(query, 'expand')
      const withFiles = isTrue(query.full) || expand.includes('siblings')
      const wanted = queryOf(query, { type, caller, pageMax: withFiles ? PAGE_FULL_MAX : PAGE_MAX })
      const { repos, last } = await listPaced(hub, wanted)
      if (last !== null) reply.header('link', `<${nextUrl(request, last)}>; rel="next"`)
      const files = withFiles ? await siblingsOfAll(hub, caller, repos, () => reply.raw.destroyed) : []
      const pacer = new Pacer(hub.clock)
      return mapPaced(repos, pacer, (listed, i) => {
        const full = listedJson(listed, query)
        const all = files[i] === undefined ? full : { ...full, siblings: files[i] }
        return expand.length === 0 ? all : chosenOf(all, expand)
      })
    })
  }
}

/** Some at a time, so that others are answered in between; a search looks at all names, so it is made once. */
async function listPaced({ accounts, clock }: HubService, wanted: RepoQuery) {
  const pacer = new Pacer(clock)
  const repos: ListedRepo[] = []
  for (let { after } = wanted; ; ) {
    const left = wanted.count - repos.length
    const count = wanted.search.length > 0 ? left : Math.min(left, TOGETHER)
    const part = accounts.facts.list({ ...wanted, after, count })
    repos.push(...part.repos)
    if (part.last === null || repos.length >= wanted.count) return { repos, last: part.last }
    after = part.last
    if (pacer.isDue) await pacer.pause()
  }
}

async function mapPaced<T, R>(items: readonly T[], pacer: Pacer, map: (item: T, index: number) => R): Promise<R[]> {
  const mapped: R[] = []
  for (const [i, item] of items.entries()) {
    mapped.push(map(item, i))
    if (pacer.isDue) await pacer.pause()
  }
  return mapped
}

function listedJson({ repo, facts }: ListedRepo, query: Query): Record<string, unknown> {
  const { cardData, config, transformersInfo, ...rest } = summaryOf(repo, facts)
  const isAll = isTrue(query.full) || valuesOf(query, 'expand').length > 0
  return {
    ...rest,
    ...(isAll || isTrue(query.cardData) ? { cardData } : {}),
    ...(isAll || isTrue(query.config) ? { config, transformersInfo } : {}),
    ...(facts === null ? {} : { sha: facts.commit, usedStorage: facts.bytes }),
  }
}

/** A few repositories at a time, and none for a client that has gone: each is read by git, which others wait for too. */
async function siblingsOfAll(hub: HubService, caller: Caller, repos: readonly ListedRepo[], isGone: () => boolean) {
  const files: Awaited<ReturnType<typeof siblingsOf>>[] = []
  for (let start = 0; start < repos.length; start += READ_TOGETHER) {
    if (isGone()) throw cancelled('the client has gone')
    const some = repos.slice(start, start + READ_TOGETHER)
    files.push(...(await Promise.all(some.map(({ repo }) => siblingsOf(hub, caller, repo)))))
  }
  return files
}

async function siblingsOf(hub: HubService, caller: Caller, repo: ListedRepo['repo']) {
  const { entries } = await (await hub.reader.at(caller, repo, 'main')).list()
  return entries.filter(({ type }) => type === 'file').map(({ path }) => ({ rfilename: path }))
}

function queryOf(
  query: Query,
  { type, caller, pageMax }: { type: RepoType; caller: Caller; pageMax: number },
): RepoQuery {
  const ascending = query.direction === '1' || query.direction === 'asc'
  return {
    type,
    author: textOf(query.author) ?? textOf(query.owner),
    search: valuesOf(query, 'search')
      .flatMap((text) => text.split(/\s+/))
      .filter((part) => part !== '')
      .slice(0, FILTERS_MAX),
    ...visibilityFor(caller),
    tags: tagsOf(query),
    pipeline: textOf(query.pipeline_tag),
    gated: query.gated === undefined ? null : isTrue(query.gated),
    parameters: rangeOf(textOf(query.num_parameters)),
    // Downloads and likes are not counted here: any such order is as good as the newest first.
    sort: query.sort === 'lastModified' || query.sort === 'last_modified' ? 'modified' : 'created',
    ascending,
    after: query.cursor === undefined ? null : readCursor(textOf(query.cursor) ?? ''),
    count: limitOf(query.limit, pageMax),
  }
}

function tagsOf(query: Query): string[] {
  const plain = valuesOf(query, 'filter').flatMap((tag) => tag.split(','))
  const linked = [
    ...valuesOf(query, 'datasets').map((id) => `dataset:${id}`),
    ...valuesOf(query, 'models').map((id) => `model:${id}`),
    ...valuesOf(query, 'apps').map((app) => app),
  ]
  return [...plain, ...linked].filter((tag) => tag !== '').slice(0, FILTERS_MAX)
}

function textOf(value: string | string[] | undefined): string | null {
  const [text] = [value ?? []].flat()
  return text === undefined || text === '' ? null : text
}

/** `min:6B,max:128B`, each part may be missing. */
function rangeOf(text: string | null): RepoQuery['parameters'] {
  if (text === null) return null
  const bound = (name: string, other: number) => {
    const [, number, unit = ''] = new RegExp(`${name}:(\\d+(?:\\.\\d+)?)([KMBT]?)`, 'i').exec(text) ?? []
    return number === undefined ? other : Math.round(Number(number) * (UNITS[unit.toUpperCase()] ?? 1))
  }
  return { min: bound('min', 0), max: bound('max', Number.MAX_SAFE_INTEGER) }
}

function nextUrl(request: FastifyRequest, { value, seq }: { value: number; seq: number }): string {
  const [path = '', query = ''] = request.url.split('?')
  const next = new URLSearchParams(query)
  next.set('cursor', `${value}-${seq}`)
  return `${originOf(request)}${path}?${next}`
}

function readCursor(cursor: string): { value: number; seq: number } {
  const [, value, seq] = /^(\d{1,16})-(\d{1,15})$/.exec(cursor) ?? []
  if (value === undefined) throw new AppError('usage', 'CURSOR_INVALID', 'The cursor is not one of this listing')
  return { value: Number(value), seq: Number(seq) }
}
