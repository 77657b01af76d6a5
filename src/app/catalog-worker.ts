/** Entry of the thread that writes the catalog. Not niced: every commit is waited for. */
import { parentPort } from 'node:worker_threads'
import { serveCatalog } from '../store/serve-catalog.ts'

if (parentPort !== null) serveCatalog(parentPort)
