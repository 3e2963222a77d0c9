export * from './tensor/backend'
export * from './tensor/random'
