/** Discussions, pull requests and their events as answers show them. */
import type { FastifyRequest } from 'fastify'
import type { Discussion, DiscussionEvent } from '../../../hub/discussions.ts'
import type { PullDetails } from '../../../hub/pull-requests.ts'
import { formatRepoId, webPath } from '../../../hub/repo-id.ts'
import type { RepoRecord } from '../../../hub/repo-table.ts'
import { originOf } from '../../origin.ts'

export function discussionJson(repo: RepoRecord, discussion: Discussion, request?: FastifyRequest) {
  const { num, title, status, isPull, createdMs } = discussion
  const path = `${webPath(repo)}/discussions/${num}`
  return {
    ...{ num, title, status, isPullRequest: isPull, author: authorJson(discussion) },
    repo: { name: formatRepoId(repo), type: repo.type },
    createdAt: new Date(createdMs).toISOString(),
    url: request === undefined ? path : `${originOf(request)}${path}`,
    pinned: false,
  }
}

/** `pull` null: no pull request, or one whose files the asker may not read. */
export function detailsJson(
  repo: RepoRecord,
  discussion: Discussion,
  more: { events: readonly DiscussionEvent[]; pull: PullDetails | null; request: FastifyRequest },
) {
  const { pull, request } = more
  const events = more.events.map(eventJson)
  const commits = (pull?.commits ?? []).map(({ oid, title, seconds, author }) => {
    const data = { subject: title, oid }
    return { id: oid.slice(0, 24), type: 'commit', createdAt: timeOf(seconds * 1000), author: { name: author }, data }
  })
  const all = [...events, ...commits].sort((a, b) =>
    a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : 0,
  )
  const { merge } = discussion
  const changes = { base: 'refs/heads/main', ...(merge === null ? {} : { mergeCommitId: merge }) }
  return {
    ...discussionJson(repo, discussion, request),
    events: all,
    ...(discussion.isPull ? { changes, filesWithConflicts: pull?.conflicts ?? [], diff: pull?.diff ?? '' } : {}),
  }
}

export function eventJson(event: DiscussionEvent) {
  const { id, type, createdMs } = event
  const createdAt = timeOf(createdMs)
  const head = { id, type: type as string, createdAt, author: authorJson(event) }
  if (type !== 'comment') return { ...head, data: event.data }
  const { raw, history, hidden } = event.data as { raw: string; history: readonly Past[]; hidden?: boolean }
  const past = (hidden === true ? [] : history).map(({ raw: before, updatedAt }) => ({
    raw: before,
    updatedAt: timeOf(updatedAt),
  }))
  const shown = hidden === true ? 'This comment has been hidden' : raw
  const latest = {
    raw: shown,
    html: escapeHtml(shown),
    updatedAt: past.at(-1)?.updatedAt ?? createdAt,
    author: authorJson(event),
  }
  return {
    ...head,
    data: { edited: past.length > 0, hidden: hidden === true, numEdits: past.length, latest, history: past },
  }
}

interface Past {
  readonly raw: string
  readonly updatedAt: number
}

function authorJson({ account, author }: { account: string; author: string }) {
  return { _id: account, name: author, fullname: author, type: 'user', avatarUrl: '' }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}

function escapeHtml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
}
