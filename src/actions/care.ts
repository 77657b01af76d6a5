/** Care of a store, as one interface: here over its parts, in remote-care.ts over a running server's control routes. */

import type { ScrubState } from '../store/scrub.ts'
import { type BackupOptions, type BackupReport, backupHome } from './backup.ts'
import { examine, type Finding } from './doctor.ts'
import { collectGarbage, type GcOptions, type GcReport } from './gc.ts'
import type { Store } from './open-store.ts'
import { type RepairReport, type RepairWish, repairFiles } from './repair.ts'
import { type ScrubWish, scrubStore } from './scrub.ts'

export interface Care {
  gc(options: GcOptions): Promise<GcReport>
  scrub(options: ScrubWish): Promise<ScrubState>
  backup(options: BackupOptions): Promise<BackupReport>
  repair(options: RepairWish): Promise<RepairReport>
  doctor(): Promise<Finding[]>
}

export class LocalCare implements Care {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  gc(options: GcOptions): Promise<GcReport> {
    return collectGarbage(this.#store, options)
  }

  scrub(options: ScrubWish): Promise<ScrubState> {
    return scrubStore(this.#store, options)
  }

  backup(options: BackupOptions): Promise<BackupReport> {
    return backupHome(this.#store, options)
  }

  repair(options: RepairWish): Promise<RepairReport> {
    return repairFiles(this.#store, options)
  }

  doctor(): Promise<Finding[]> {
    return examine(this.#store)
  }
}
