/** Puts folders back that a crash left between two names. For whoever opens a home, under its lock. */
import type { Accounts } from './accounts.ts'
import type { Repositories } from './repositories.ts'

export async function recoverMoves(accounts: Accounts, repositories: Repositories): Promise<void> {
  for (const { repo, to } of accounts.moves.listUnfinished()) {
    // What is at the other name is the repository only if it left its own.
    if (!(await repositories.has(repo))) await repositories.move({ ...repo, ...to }, repo)
    accounts.moves.cancel(repo)
  }
}
