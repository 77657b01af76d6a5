/**
 * What listings show of a repository's newest commit, kept beside its row so that a page costs one query: made anew by
 * whoever moves `main`, and by whoever looks at a repository whose facts are of another commit.
 */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import type { Oid } from '../git/oid.ts'
import { transact } from './accounts-db.ts'
import type { RepoType } from './repo-id.ts'
import { type RepoRecord, recordOf, VISIBLE, type Visibility, visibleValues } from './repo-table.ts'

export interface RepoFacts {
  readonly commit: Oid
  readonly modifiedMs: number
  /** Of all files. */
  readonly bytes: number
  readonly tags: readonly string[]
  /** Fields of the answer: card, config, library, pipeline. */
  readonly summary: Readonly<Record<string, unknown>>
}

export const REPO_SORTS = ['created', 'modified'] as const

export interface RepoQuery extends Visibility {
  readonly type: RepoType
  readonly author: string | null
  /** Parts of `namespace/name`, any case; all of them must be in it. */
  readonly search: readonly string[]
  /** All of them. */
  readonly tags: readonly string[]
  readonly pipeline: string | null
  readonly gated: boolean | null
  /** Of the model, known once somebody looked at it; bounds included. */
  readonly parameters: { readonly min: number; readonly max: number } | null
  readonly sort: (typeof REPO_SORTS)[number]
  readonly ascending: boolean
  /** Continue after this one. */
  readonly after: { readonly value: number; readonly seq: number } | null
  readonly count: number
}

export interface ListedRepo {
  readonly repo: RepoRecord
  readonly facts: RepoFacts | null
}

/** Found by filters; a card may have more. */
const TAGS_MAX = 500
/** Repositories of a tag that are looked up one by one rather than met while walking all in order. */
const RARE_MAX = 2_000
/** What orders, and what tells equal ones apart: both out of one index. */
const COLUMNS = {
  created: ['repos.seq', 'repos.seq'],
  modified: ['repo_facts.modified_ms', 'repo_facts.rowid'],
} as const

const START = { value: -1, seq: -1 }
const END = { value: Number.MAX_SAFE_INTEGER, seq: Number.MAX_SAFE_INTEGER }

export class RepoFactsTable {
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  find(repo: string): RepoFacts | null {
    const row = this.#db.prepare('SELECT * FROM repo_facts WHERE repo_id = ?').get(repo)
    return row === undefined ? null : factsOf(row)
  }

  /** Does nothing for a repository that is gone. */
  put(repo: string, { commit, modifiedMs, bytes, tags, summary }: RepoFacts): void {
    const sql =
      'UPDATE repo_facts SET commit_oid = ?, modified_ms = ?, bytes = ?, tags = ?, summary = ? WHERE repo_id = ?'
    const values = [commit, modifiedMs, bytes, JSON.stringify(tags), JSON.stringify(summary), repo] as const
    transact(this.#db, () => {
      if (this.#db.prepare(sql).run(...values).changes === 0) return
      this.#db.prepare('DELETE FROM repo_tags WHERE repo_id = ?').run(repo)
      const tag = this.#db.prepare('INSERT OR IGNORE INTO repo_tags (tag, repo_id) VALUES (?, ?)')
      for (const name of tags.slice(0, TAGS_MAX)) tag.run(name.toLowerCase(), repo)
    })
  }

  putParameters(repo: string, total: number): void {
    const sql = 'UPDATE repo_facts SET parameters = ? WHERE repo_id = ? AND parameters IS NOT ?'
    this.#db.prepare(sql).run(total, repo, total)
  }

  /** `last` is where a next page continues, null at the end. */
  list(query: RepoQuery): { repos: ListedRepo[]; last: { value: number; seq: number } | null } {
    const { where, values } = conditionsOf(query, (tag) => this.#isRare(tag))
    const [column, tie] = COLUMNS[query.sort]
    const order = query.ascending ? 'asc' : 'desc'
    const sql = `SELECT repos.*, ${column} AS place, ${tie} AS tie, repo_facts.commit_oid, repo_facts.modified_ms, repo_facts.bytes,
      repo_facts.tags, repo_facts.summary FROM repos JOIN repo_facts ON repo_facts.repo_id = repos.id
      WHERE ${where.join(' AND ')} ORDER BY ${column} ${order}, ${tie} ${order} LIMIT ?`
    const rows = this.#db.prepare(sql).all(...values, query.count + 1)
    const page = rows.slice(0, query.count)
    const end = rows.length > query.count ? page.at(-1) : undefined
    return {
      repos: page.map((row) => ({ repo: recordOf(row), facts: row.commit_oid === '' ? null : factsOf(row) })),
      last: end === undefined ? null : { value: Number(end.place), seq: Number(end.tie) },
    }
  }

  #isRare(tag: string): boolean {
    const sql = 'SELECT COUNT(*) AS found FROM (SELECT 1 FROM repo_tags WHERE tag = ? LIMIT ?)'
    return Number(this.#db.prepare(sql).get(tag, RARE_MAX + 1)?.found) <= RARE_MAX
  }
}

function conditionsOf(
  query: RepoQuery,
  isRare: (tag: string) => boolean,
): { where: string[]; values: (string | number | null)[] } {
  const where: string[] = []
  const values: (string | number | null)[] = []
  const add = (condition: string, ...given: readonly (string | number)[]) => {
    where.push(condition)
    values.push(...given)
  }
  add('repos.type = ?', query.type)
  add(VISIBLE, ...visibleValues(query))
  if (query.author !== null) add('repos.owner_key = ?', query.author.toLowerCase())
  for (const part of query.search) add("instr(lower(repos.namespace || '/' || repos.name), ?) > 0", part.toLowerCase())
  for (const tag of query.tags.map((name) => name.toLowerCase())) {
    if (isRare(tag)) add('repos.id IN (SELECT repo_id FROM repo_tags WHERE tag = ?)', tag)
    else add('EXISTS (SELECT 1 FROM repo_tags WHERE tag = ? AND repo_tags.repo_id = repos.id)', tag)
  }
  if (query.pipeline !== null) add("json_extract(repo_facts.summary, '$.pipeline_tag') = ?", query.pipeline)
  if (query.gated !== null) add(`repos.gated IS ${query.gated ? 'NOT ' : ''}NULL`)
  if (query.parameters !== null)
    add('repo_facts.parameters BETWEEN ? AND ?', query.parameters.min, query.parameters.max)
  // Also for a first page: it makes the order's index the way in.
  const { value, seq } = query.after ?? (query.ascending ? START : END)
  add(`(${COLUMNS[query.sort].join(', ')}) ${query.ascending ? '>' : '<'} (?, ?)`, value, seq)
  return { where, values }
}

function factsOf(row: Record<string, SQLOutputValue>): RepoFacts {
  return {
    commit: String(row.commit_oid) as Oid,
    modifiedMs: Number(row.modified_ms),
    bytes: Number(row.bytes),
    tags: JSON.parse(String(row.tags)) as string[],
    summary: JSON.parse(String(row.summary)) as Record<string, unknown>,
  }
}
