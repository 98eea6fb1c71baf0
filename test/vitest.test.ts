import { policyTests } from '../src/vitest.js'

policyTests('examples')
