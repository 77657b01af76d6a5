/** Where a snapshot's files go: the shared cache or a folder of the user's. Both reuse what they can prove. */
import type { Fill } from './file-receipt.ts'
import type { TreeFile } from './hub-client.ts'

export interface Snapshot {
  readonly revision: string
  readonly commit: string
  /** The whole listing of the commit, whatever part of it is wanted. */
  readonly files: readonly TreeFile[]
}

/** What a pull would find of a file. */
export interface FileHere {
  readonly isWhole: boolean
  /** All of it, or what an earlier attempt left. */
  readonly bytes: number
}

export interface SnapshotPlace {
  /** The folder that holds the files under their own names. */
  readonly root: string
  /** What of the file is here. Changes nothing and needs no `begin`. */
  look(file: TreeFile): Promise<FileHere>
  begin(): Promise<void>
  /**
   * The file's final path when its content is here already and proved; its name in the snapshot is made. `anew` asks the
   * disk also for what was not there when this began.
   */
  findPresent(file: TreeFile, anew?: boolean): Promise<string | null>
  /** Throws when the disk cannot hold these, none of which is here; what broken attempts left counts. */
  checkRoom(missing: readonly TreeFile[]): Promise<void>
  /** Names what `receive` of this file fills: two that have it in common are not to run at once in one process. */
  targetOf(file: TreeFile): string
  /** Has `fill` write and prove the content, then names it. Returns the final path. A large file's broken attempt is kept. */
  receive(file: TreeFile, fill: Fill): Promise<string>
  /** All wanted files are here: their names are durable afterwards. */
  finish(): Promise<void>
  /** What was proved so far is remembered, so that the next pull reads less. Also after a failure. */
  keepProofs(): Promise<void>
}
