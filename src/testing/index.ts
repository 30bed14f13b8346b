/** `kafka-envelope/testing`: a KMS for tests. */
export { memoryKms, type MemoryKms, type MemoryKmsOptions } from './memory-kms.js'
