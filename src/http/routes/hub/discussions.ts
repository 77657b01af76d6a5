/** Discussions and pull requests, as far as clients drive them. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { AppError } from '../../../base/app-error.ts'
import { parseJson } from '../../../base/json.ts'
import { checkPropose, mayReadFiles } from '../../../hub/access.ts'
import type { DiscussionStatus } from '../../../hub/discussions.ts'
import type { RepoType } from '../../../hub/repo-id.ts'
import { checkShape, readBody, readJson } from '../../guards/body.ts'
import { COMMENT_BODY_BYTES_MAX } from '../../limits.ts'
import { detailsJson, discussionJson, eventJson } from './discussion-json.ts'
import { callerOf, type HubService, signedIn } from './hub-service.ts'
import { pageOf, REPO_ROUTES, repoIdOf } from './repo-path.ts'

const PAGE_COUNT = 50
const title = z.string().trim().min(1).max(200)
const text = z.string().max(65_536)
const START = z.object({ title, description: text.nullish(), pullRequest: z.boolean().nullish() })
const COMMENT = z.object({ comment: text.min(1) })
const EDIT = z.object({ content: text.min(1) })
const TITLE = z.object({ title })
const STATUS = z.object({ status: z.enum(['open', 'closed', 'draft']), comment: text.nullish() })
const MERGE = z.object({ comment: text.nullish() })
const STATUSES: Readonly<Record<string, readonly DiscussionStatus[] | null>> = {
  all: null,
  open: ['open', 'draft'],
  closed: ['closed', 'merged'],
  draft: ['draft'],
  merged: ['merged'],
}

interface ListQuery {
  readonly p?: string
  readonly type?: string
  readonly status?: string
  readonly author?: string
}

export function discussionRoutes(app: FastifyInstance, hub: HubService): void {
  const { discussions } = hub.accounts
  for (const { type, api } of REPO_ROUTES) {
    app.get<{ Querystring: ListQuery }>(`${api}/discussions`, async (request) => {
      const caller = await callerOf(hub, request)
      const repo = await hub.reader.getRepo(caller, repoIdOf(request, type))
      const { query } = request
      const start = pageOf(query.p) * PAGE_COUNT
      const isPull = query.type === 'pull_request' ? true : query.type === 'discussion' ? false : null
      const statuses = STATUSES[query.status ?? 'all'] ?? null
      const filter = { isPull, statuses, author: query.author ?? null, skip: start, count: PAGE_COUNT }
      const { discussions: found, total } = discussions.list(repo.id, filter)
      return { discussions: found.map((one) => discussionJson(repo, one)), count: total, start }
    })

    app.post(`${api}/discussions`, async (request) => {
      const caller = await signedIn(hub, request)
      const body = await readJson(request, COMMENT_BODY_BYTES_MAX, START)
      const about = { title: body.title, description: body.description ?? '', isPull: body.pullRequest === true }
      const id = repoIdOf(request, type)
      const made = await hub.pulls.start(caller, id, about)
      return discussionJson(await hub.reader.getRepo(caller, id), made, request)
    })

    app.get(`${api}/discussions/:num`, async (request) => {
      const caller = await callerOf(hub, request)
      const repo = await hub.reader.getRepo(caller, repoIdOf(request, type))
      const discussion = hub.pulls.get(repo, numberOf(request))
      const open = discussion.isPull && mayReadFiles(hub.accounts, caller, repo)
      const pull = open ? await hub.pulls.details(caller, repo, discussion) : null
      return detailsJson(repo, discussion, { events: discussions.listEvents(discussion), pull, request })
    })
    changeRoutes(app, hub, { type, one: `${api}/discussions/:num` })
  }
}

function changeRoutes(app: FastifyInstance, hub: HubService, { type, one }: { type: RepoType; one: string }): void {
  const { discussions } = hub.accounts
  const find = async (request: FastifyRequest) => {
    const caller = await signedIn(hub, request)
    const repo = await hub.reader.getRepo(caller, repoIdOf(request, type))
    checkPropose(hub.accounts, caller, repo)
    return { caller, repo, discussion: hub.pulls.get(repo, numberOf(request)) }
  }
  app.post(`${one}/comment`, async (request) => {
    const { caller, discussion } = await find(request)
    const { comment } = await readJson(request, COMMENT_BODY_BYTES_MAX, COMMENT)
    const data = { raw: comment, history: [] }
    return { newMessage: eventJson(discussions.addEvent(caller, discussion, { type: 'comment', data })) }
  })
  app.post(`${one}/comment/:event/edit`, async (request) => {
    const { caller, discussion } = await find(request)
    const event = commentOf(hub, request, discussion)
    if (event.account !== caller.account) {
      throw new AppError('forbidden', 'RIGHTS_MISSING', 'Only who wrote a comment may edit it')
    }
    const { content } = await readJson(request, COMMENT_BODY_BYTES_MAX, EDIT)
    discussions.editComment(event, { raw: content })
    return { updatedComment: eventJson(commentOf(hub, request, discussion)) }
  })
  app.post(`${one}/comment/:event/hide`, async (request) => {
    const { caller, repo, discussion } = await find(request)
    const event = commentOf(hub, request, discussion)
    if (event.account !== caller.account) hub.pulls.checkChange(caller, repo, { ...discussion, account: '' })
    discussions.editComment(event, { hidden: true })
    return { updatedComment: eventJson(commentOf(hub, request, discussion)) }
  })
  app.post(`${one}/title`, async (request) => {
    const { caller, repo, discussion } = await find(request)
    hub.pulls.checkChange(caller, repo, discussion)
    const body = await readJson(request, COMMENT_BODY_BYTES_MAX, TITLE)
    return { newTitle: eventJson(discussions.setTitle(caller, discussion, body.title)) }
  })
  app.post(`${one}/status`, async (request) => {
    const { caller, repo, discussion } = await find(request)
    const { status, comment } = await readJson(request, COMMENT_BODY_BYTES_MAX, STATUS)
    const event = hub.pulls.setStatus(caller, repo, discussion.num, status)
    if (comment) discussions.addEvent(caller, discussion, { type: 'comment', data: { raw: comment, history: [] } })
    return { newStatus: eventJson(event) }
  })
  app.post(`${one}/merge`, async (request) => {
    const { caller, repo, discussion } = await find(request)
    const body = await readBody(request, COMMENT_BODY_BYTES_MAX)
    // Clients that have nothing to say send no body, or `null`.
    const said = body.length === 0 ? null : parseJson('The request', body)
    const { comment } = checkShape(said ?? {}, MERGE)
    const mergeCommitId = await hub.pulls.merge(caller, repo, discussion.num)
    if (comment) discussions.addEvent(caller, discussion, { type: 'comment', data: { raw: comment, history: [] } })
    return { mergeCommitId, status: 'merged' }
  })
}

function commentOf({ accounts }: HubService, request: FastifyRequest, at: { repo: string; num: number }) {
  const { event } = request.params as { event: string }
  const found = accounts.discussions.findEvent(at, event)
  if (found?.type === 'comment') return found
  throw new AppError('not-found', 'DISCUSSION_COMMENT_UNKNOWN', 'There is no such comment in the discussion')
}

function numberOf(request: FastifyRequest): number {
  const { num } = request.params as { num: string }
  if (/^\d{1,9}$/.test(num)) return Number(num)
  throw new AppError('not-found', 'DISCUSSION_UNKNOWN', 'Discussions are named by a number')
}
