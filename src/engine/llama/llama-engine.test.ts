import { engineSuite } from '../../../test/suites/engine.suite.ts'
import { LlamaEngine } from './llama-engine.ts'

engineSuite(new LlamaEngine(), { toleranceOf: (name) => (name === 'tiny-gemma3' ? 3e-3 : 3e-5) })
