/**
 * Organisations: namespaces that belong to nobody alone. Members read, write or administer their repositories; robots
 * (tokens of the organisation itself) write to them, and stay when people leave. Only who runs the server makes
 * organisations and says who is in them.
 */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import { AppError } from '../base/app-error.ts'
import type { NamespaceRole, Role } from './caller.ts'

export interface Membership {
  readonly org: string
  readonly user: string
  readonly role: Role
}

/** What a robot of an organisation is in it. */
const ROBOT_ROLE: Role = 'write'

type Row = Record<string, SQLOutputValue>

const SELECT = `SELECT o.name AS org, o.id AS org_id, u.name AS user, m.role AS role
  FROM members m JOIN users o ON o.id = m.org_id JOIN users u ON u.id = m.user_id`

export class Organisations {
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  /** Adds the user, or gives the member another role. */
  setMember(orgId: string, userId: string, role: Role): void {
    const sql = `INSERT INTO members (org_id, user_id, role) VALUES (?, ?, ?)
      ON CONFLICT (org_id, user_id) DO UPDATE SET role = excluded.role`
    this.#db.prepare(sql).run(orgId, userId, role)
  }

  removeMember(orgId: string, userId: string): void {
    const { changes } = this.#db.prepare('DELETE FROM members WHERE org_id = ? AND user_id = ?').run(orgId, userId)
    if (changes === 0)
      throw new AppError('not-found', 'MEMBER_UNKNOWN', 'This user is not a member of the organisation')
  }

  listMembers(orgId: string): Membership[] {
    return this.#db.prepare(`${SELECT} WHERE m.org_id = ? ORDER BY u.name_key`).all(orgId).map(membershipOf)
  }

  listOf(userId: string): (Membership & { readonly id: string })[] {
    const rows = this.#db.prepare(`${SELECT} WHERE m.user_id = ? ORDER BY o.name_key`).all(userId)
    return rows.map((row) => ({ ...membershipOf(row), id: String(row.org_id) }))
  }

  /** Where an account has a say: its own namespace, and those of its organisations. */
  rolesOf({ id, name, kind }: { id: string; name: string; kind: string }): NamespaceRole[] {
    if (kind === 'org') return [{ namespace: name, role: ROBOT_ROLE }]
    const member = this.listOf(id).map(({ org, role }) => ({ namespace: org, role }))
    return [{ namespace: name, role: 'admin' }, ...member]
  }
}

function membershipOf(row: Row): Membership {
  return { org: String(row.org), user: String(row.user), role: row.role as Role }
}
