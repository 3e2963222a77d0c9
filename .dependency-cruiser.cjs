// The rooms of lib/ in reading order: a room imports only from itself and from rooms before it.
const rooms = ['tensor', 'model', 'desk', 'preference', 'rollout', 'reward', 'advantage', 'loss', 'train', 'evaluate', 'plot', 'notebook', 'exchange']
const path = room => `^lib/${room}/`

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'not-to-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    ...rooms.slice(0, -1).map((room, i) => ({ name: `${room}-imports-only-from-above`, severity: 'error', from: { path: path(room) }, to: { path: `^lib/(${rooms.slice(i + 1).join('|')})/` } })),
    { name: 'no-room-imports-the-index', severity: 'error', from: { path: '^lib/[a-z]+/' }, to: { path: '^lib/index\\.ts$' } },
    { name: 'one-tf', comment: 'tf comes from lib/tensor/backend and nowhere else', severity: 'error', from: { path: '^lib/', pathNot: '^lib/tensor/backend' }, to: { path: '@tensorflow/', dependencyTypesNot: ['type-only'] } },
    { name: 'desk-has-no-tensors', severity: 'error', from: { path: path('desk') }, to: { path: '^lib/(tensor/(?!random)|model/)' } },
    { name: 'losses-run-in-a-browser', severity: 'error', from: { path: '^lib/(loss|advantage|rollout|model)/' }, to: { dependencyTypes: ['core'] } },
  ],
  options: { doNotFollow: { path: 'node_modules' }, exclude: { path: '^lib/dist' }, tsPreCompilationDeps: true, tsConfig: { fileName: 'tsconfig.json' }, enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['node', 'require', 'default'] } },
}
