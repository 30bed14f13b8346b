export { loadConfig, type LoadOptions } from './load-config.js'
export type { Environment } from './substitute.js'
