// fast-check as every test uses it: the same cases with each run, so that a change is judged by what it changes; others
// with each run of the deep tests. MILLRACE_SEED sets the seed that a failure names.
import fc from 'fast-check'

const { MILLRACE_DEEP, MILLRACE_SEED } = process.env
if (MILLRACE_SEED !== undefined) fc.configureGlobal({ seed: Number(MILLRACE_SEED) })
else if (MILLRACE_DEEP !== '1') fc.configureGlobal({ seed: 1 })

export default fc
