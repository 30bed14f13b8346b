/** `kafka-envelope/kms/memory`: a KMS for tests. */
export { memoryKms, type MemoryKms, type MemoryKmsOptions } from './memory-kms.js'
