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
/** Repositories that have something and are looked up one by one rather than met while walking all in order. */
const RARE_MAX = 2_000
/** What orders, and what tells equal ones apart: both out of one index. */
const COLUMNS = {
  created: ['repos.seq', 'repos.seq'],
  modified: ['repo_facts.modified_ms', 'repo_facts.rowid'],
} as const

const OF_TAG = 'SELECT repo_id FROM repo_tags WHERE tag = ?'
const HAS_TAG = 'EXISTS (SELECT 1 FROM repo_tags WHERE tag = ? AND repo_tags.repo_id = repos.id)'
const PIPELINE = "json_extract(repo_facts.summary, '$.pipeline_tag')"
const OF_PIPELINE = "SELECT repo_id FROM repo_facts WHERE json_extract(summary, '$.pipeline_tag') = ?"
const OF_PARAMETERS = 'SELECT repo_id FROM repo_facts WHERE parameters BETWEEN ? AND ?'

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
    const { where, values } = conditionsOf(query, this.#findNamed(query), (rows, values) => this.#isRare(rows, values))
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

  /**
   * Those whose keys have all that is searched for, when they are few: out of an index alone, and without cutting the
   * type off each key. More than those whose names have it.
   */
  #findNamed({ type, search }: RepoQuery): number[] | null {
    if (search.length === 0) return null
    const parts = search.map((part) => part.toLowerCase())
    const sql = `SELECT seq FROM repos WHERE key > ? AND key < ? AND ${search.map(() => 'instr(key, ?) > 0').join(' AND ')} LIMIT ?`
    // The character behind a slash ends what begins with the type.
    const rows = this.#db.prepare(sql).all(`${type}/`, `${type}0`, ...parts, RARE_MAX + 1)
    return rows.length > RARE_MAX ? null : rows.map(({ seq }) => Number(seq))
  }

  #isRare(ids: string, values: readonly (string | number)[]): boolean {
    const sql = `SELECT COUNT(*) AS found FROM (${ids} LIMIT ?)`
    return Number(this.#db.prepare(sql).get(...values, RARE_MAX + 1)?.found) <= RARE_MAX
  }
}

/** Keys are `type/namespace/name`, in lower case. */
function hasInName(type: RepoType): string {
  return `instr(substr(repos.key, ${type.length + 2}), ?) > 0`
}

function conditionsOf(
  query: RepoQuery,
  named: readonly number[] | null,
  isRare: (ids: string, values: readonly (string | number)[]) => boolean,
): { where: string[]; values: (string | number | null)[] } {
  const where: string[] = []
  const values: (string | number | null)[] = []
  const add = (condition: string, ...given: readonly (string | number)[]) => {
    where.push(condition)
    values.push(...given)
  }
  /** `ids` finds those that have it out of an index, `condition` looks at one that is met. */
  const addEither = (ids: string, condition: string, ...given: readonly (string | number)[]) => {
    add(isRare(ids, given) ? `repos.id IN (${ids})` : condition, ...given)
  }
  add('repos.type = ?', query.type)
  add(VISIBLE, ...visibleValues(query))
  if (query.author !== null) add('repos.owner_key = ?', query.author.toLowerCase())
  if (named !== null) add('repos.seq IN (SELECT value FROM json_each(?))', JSON.stringify(named))
  for (const part of query.search) add(hasInName(query.type), part.toLowerCase())
  for (const tag of query.tags) addEither(OF_TAG, HAS_TAG, tag.toLowerCase())
  // The plus keeps its index out of it: what many have is met in the listing's own order.
  if (query.pipeline !== null) addEither(OF_PIPELINE, `+${PIPELINE} = ?`, query.pipeline)
  if (query.gated === true) addEither('SELECT id FROM repos WHERE gated IS NOT NULL', 'repos.gated IS NOT NULL')
  if (query.gated === false) add('repos.gated IS NULL')
  if (query.parameters !== null) {
    const { min, max } = query.parameters
    addEither(OF_PARAMETERS, '+repo_facts.parameters BETWEEN ? AND ?', min, max)
  }
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
