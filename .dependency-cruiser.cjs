/** The rooms of src/ and the directions of imports between them: see ARCHITECTURE.md. */
const MAY_IMPORT = {
  packet: [],
  ruleset: ['packet'],
  language: ['ruleset', 'packet'],
  advice: ['ruleset', 'packet'],
  floor: ['language', 'ruleset', 'packet'],
  engine: ['ruleset', 'packet'],
  capture: ['packet'],
  queue: ['bans', 'engine', 'ruleset', 'packet'],
  telemetry: ['bans', 'engine', 'ruleset', 'packet', 'queue'],
  bans: ['ruleset', 'packet'],
  doctor: [],
  control: [],
  cli: [
    'doctor',
    'bans',
    'control',
    'floor',
    'advice',
    'telemetry',
    'queue',
    'capture',
    'engine',
    'language',
    'ruleset',
    'packet',
  ],
}

module.exports = {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'not-resolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
    ...Object.entries(MAY_IMPORT).map(([room, others]) => ({
      name: `${room}-imports-downwards`,
      comment: `src/${room} may import ${others.length > 0 ? others.join(', ') : 'nothing of ours'}`,
      severity: 'error',
      from: { path: `^src/${room}/` },
      to: { path: '^(src|bench|test|scripts)/', pathNot: `^src/(${[room, ...others].join('|')})/` },
    })),
    {
      name: 'hot-path-does-no-io',
      comment: 'the packet and engine rooms have no I/O and no clock',
      severity: 'error',
      from: { path: '^src/(engine|ruleset|advice|floor)/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'packages-in-their-rooms',
      severity: 'error',
      from: { path: '^src/(packet|ruleset|engine|advice)/' },
      to: { dependencyTypes: ['npm', 'npm-optional', 'npm-dev'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules|^native/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    parser: 'swc',
    enhancedResolveOptions: { extensions: ['.ts', '.js'], conditionNames: ['import', 'types', 'node'] },
  },
}
