import { awsKms, type AwsKmsOptions } from '../../../../src/kms/aws/index.js'
import type { Kms } from '../../../../src/kms/kms.js'

export const readingKms = (options: AwsKmsOptions): Kms => awsKms(options)
