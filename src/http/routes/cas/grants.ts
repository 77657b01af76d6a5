/**
 * Upload grants: hf_xet >= 1.8 asks before every xorb, and any answer but 200, 201 and 404 ends its whole upload. 200:
 * stored, whole and usable by this account, send nothing; 404: post it. Only who may not write hears anything else.
 */
import type { FastifyInstance } from 'fastify'
import { AppError } from '../../../base/app-error.ts'
import { parseHash } from '../../../xet/hash.ts'
import { authorize, type CasPath, type CasService } from './cas-service.ts'

export function grantRoutes(app: FastifyInstance, cas: CasService): void {
  app.post<{ Params: CasPath }>('/v1/xorb-grants/default/:hash', async (request) => {
    const account = authorize(cas, request, 'write')
    let isThere = false
    try {
      isThere = await isUsable(cas, account, request.params.hash)
    } catch (error) {
      // The post that follows meets the same trouble and says so in a way that the client can bear.
      cas.log.warn({ err: error, id: request.id }, 'a grant was answered 404 because it could not be decided')
    }
    if (!isThere) throw new AppError('not-found', 'XORB_UNKNOWN', 'Post the xorb')
    return {}
  })

  // We grant no upload elsewhere, so there is nothing to commit.
  app.post<{ Params: CasPath }>('/v1/xorb-commits/default/:hash/grant/:id', async (request) => {
    authorize(cas, request, 'write')
    throw new AppError('not-found', 'GRANT_UNKNOWN', 'No such grant: post the xorb')
  })
}

async function isUsable({ holdings }: CasService, account: string, text: string): Promise<boolean> {
  const hash = parseHash<'xorb'>(text)
  const xorb = await holdings.findXorb(hash)
  if (xorb === null || xorb.info.damaged.length > 0) return false
  if (!(await holdings.rightsOf(account).mayUseXorb(hash))) return false
  await holdings.announce(account, [hash])
  return true
}
