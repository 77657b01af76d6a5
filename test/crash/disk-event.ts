/** What a program did to the disk, call by call in one order, and what it said it had done: enough to do it again. */

/** `inode` tells files apart whose names change. */
export type DiskEvent =
  /** One line that the program acknowledged. */
  | { readonly op: 'said'; readonly line: string }
  /** A new empty file. */
  | { readonly op: 'create'; readonly path: string; readonly inode: number }
  | { readonly op: 'resize'; readonly inode: number; readonly length: number }
  | { readonly op: 'write'; readonly inode: number; readonly at: number; readonly bytes: Uint8Array }
  | { readonly op: 'sync'; readonly inode: number }
  | { readonly op: 'sync-folder'; readonly path: string }
  | { readonly op: 'rename'; readonly from: string; readonly to: string }
  | { readonly op: 'link'; readonly from: string; readonly to: string }
  | { readonly op: 'symlink'; readonly target: string; readonly path: string }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'make-folder'; readonly path: string }
  | { readonly op: 'remove-folder'; readonly path: string }

/** One system call that changes the disk, and what it did; nothing where it failed. */
export interface DiskCall {
  readonly name: string
  readonly path: string
  readonly events: readonly DiskEvent[]
}
