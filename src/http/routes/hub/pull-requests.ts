/** Uploads as pull requests are refused before a byte is sent, rather than put on the branch. */
import type { FastifyRequest } from 'fastify'
import { AppError } from '../../../base/app-error.ts'
import { isTrue } from './repo-path.ts'

export function refusePullRequest(request: FastifyRequest): void {
  if (isTrue((request.query as Record<string, unknown>).create_pr)) {
    throw new AppError(
      'unsupported',
      'PULL_REQUESTS_UNSUPPORTED',
      'This server takes no pull requests: commit to a branch',
    )
  }
}
