/** Group N of the fault catalogue: Training. */
import type { FaultRow } from '../fault-row.ts'

export const GROUP_N: readonly FaultRow[] = [
  {
    id: 'N1',
    stage: 'training',
    injection: 'kill/power cut during checkpoint',
    expected: 'last complete checkpoint loads, tag points to it',
  },
  { id: 'N2', stage: 'training', injection: 'NaN loss', expected: 'stops, 16, last good kept' },
  {
    id: 'N3',
    stage: 'training',
    injection: 'disk full at checkpoint',
    expected: '10, training state kept or cleanly ended',
  },
  { id: 'N4', stage: 'training', injection: 'resume', expected: 'same losses as uninterrupted (CPU, fixed seed)' },
  { id: 'N5', stage: 'training', injection: 'bad dataset line, wrong encoding, 1 GB line', expected: 'names line, 19' },
  { id: 'N6', stage: 'training', injection: 'two trainings, one adapter', expected: 'second busy 18' },
]
