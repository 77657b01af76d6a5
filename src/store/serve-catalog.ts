/** The thread's side of catalog-thread.ts: a connection that only writes. */
import type { DatabaseSync } from 'node:sqlite'
import { serveTasks, type TaskPort } from '../base/serve-tasks.ts'
import { wireOf } from '../base/task-thread.ts'
import type { Change } from './catalog-change.ts'
import type { CatalogTask, Piece, WireOutcome } from './catalog-thread.ts'
import { CatalogWriter, openCatalogDatabase } from './catalog-writer.ts'

export function serveCatalog(port: TaskPort): void {
  const connection = new WritingConnection()
  serveTasks(port, (task: CatalogTask) => ({ value: connection.run(task), moved: [] }))
}

class WritingConnection {
  #path: string | null = null
  #open: { readonly db: DatabaseSync; readonly writer: CatalogWriter } | null = null
  #group = -1
  #units: Change[][] = []
  #isUnitOver = true

  run(task: CatalogTask): readonly WireOutcome[] | undefined {
    switch (task.verb) {
      case 'open':
        this.#path = task.path
        this.#writer()
        return undefined
      case 'add':
        this.#add(task)
        return undefined
      case 'commit':
        this.#add(task)
        return this.#commit()
      case 'close':
        this.#open?.db.close()
        this.#open = null
        this.#path = null
        return undefined
    }
  }

  #writer(): CatalogWriter {
    if (this.#open === null) {
      // SQLite would take no name for a file of its own that it removes again.
      if (this.#path === null) throw new Error('No catalog is open')
      const db = openCatalogDatabase(this.#path)
      this.#open = { db, writer: new CatalogWriter(db, this.#path) }
    }
    return this.#open.writer
  }

  #add({ group, pieces }: { group: number; pieces: readonly Piece[] }): void {
    if (group !== this.#group) {
      this.#group = group
      this.#units = []
      this.#isUnitOver = true
    }
    for (const { change, isLast } of pieces) {
      if (this.#isUnitOver) this.#units.push([])
      this.#units.at(-1)?.push(change)
      this.#isUnitOver = isLast
    }
  }

  #commit(): readonly WireOutcome[] {
    const units = this.#units
    this.#units = []
    return this.#writer()
      .commit(units)
      .map((outcome) => ('error' in outcome ? { error: wireOf(outcome.error) } : outcome))
  }
}
